// How far a host goes beyond the money it was lent: the lease arithmetic and the hypervisor's allowance together.
import {
  capOvershootBoundPico,
  compareRatio,
  exactDrawnPico,
  leaseItems,
  ratio,
  rateTotals,
  subtractRatio,
  sumRatios,
} from '@xenorack/accounting';
import { ALLOWANCE_STEP_NS, createMemoryHost, IMAGES, METERS } from '@xenorack/hypervisor';
import { seeded } from '../measure.mjs';

const hourNs = 3_600n * 1_000_000_000n;
const spanNs = 400_000_000n;
const domainId = 'dom';
const volumeId = 'vol';

/**
 * Each run draws a machine, a domain and prices, lends some money, lets the domain spend it and compares what the
 * rater's price of the readings at the stop exceeds the loan by with the stated bound.
 */
export function capOvershoot({ isSmall }) {
  const runs = isSmall ? 200 : 10_000;
  const draw = seeded(20_261_122);
  let stopped = 0;
  let worst = { share: 0 };
  for (let run = 0; run < runs; run += 1) {
    const outcome = runOnce(draw);
    if (outcome === null) continue;
    stopped += 1;
    if (outcome.share > worst.share) worst = { run, ...outcome };
  }
  if (stopped < runs / 2) throw new Error(`only ${stopped} of ${runs} runs spent their loan`);
  return {
    name: 'accounting.cap_overshoot_ratio',
    value: worst.share,
    unit: 'ratio',
    baseline: 'tick x running vCPUs x price + I/O in flight',
    goal: 1,
    better: 'lower',
    detail: { runs, stopped, tick_ns: Number(ALLOWANCE_STEP_NS), worst },
  };
}

function runOnce(draw) {
  const pcpus = 1 + draw(4);
  const vcpus = 1 + draw(4);
  const frames = 16 + draw(100_000);
  const plan = drawPlan(draw);
  const { host } = createMemoryHost({ pcpus, frames: 1 << 18, xenFrames: 256, seed: draw(2 ** 31) });
  host.openVolume({ id: volumeId, sizeBytes: 1n << 20n });
  const image = IMAGES[['busy', 'bursty', 'greedy'][draw(3)]];
  const built = host.createDomain({
    name: 'd',
    id: domainId,
    vcpus,
    memoryFrames: frames,
    volumes: [{ volumeId }],
    image,
  });
  if (!built.ok) throw new Error(built.detail);
  const items = [domainId, volumeId].flatMap((resourceId) => itemsOf(plan, resourceId));
  const bound = boundOf(items, { pcpus, vcpus, frames });
  // The bound is one tick's worth at most, so this is money for up to a few hundred of them.
  const balance = 1n + (bound * BigInt(draw(200_000))) / 1_000n;
  const set = host.setAllowance({
    id: 'lease',
    members: [domainId, volumeId],
    balance,
    policy: 'pause',
    weights: items.map(({ resourceId, meter, priceNum, priceDen, freeQuantity }) => ({
      resourceId,
      meter,
      state: 'any',
      numerator: priceNum,
      denominator: priceDen,
      free: freeQuantity,
    })),
  });
  if (!set.ok) throw new Error(set.detail);
  host.unpause(built.value);
  const stop = runUntilStopped(host, draw);
  if (stop === null) return null;
  const exact = exactDrawnPico(items, consumedAt(host, stop, items));
  const over = subtractRatio(exact, ratio(balance));
  const overPico = compareRatio(over, ratio(0n)) > 0 ? Number(over.num) / Number(over.den) : 0;
  return { share: overPico / Number(bound), overPico, boundPico: Number(bound), pcpus, vcpus };
}

/** Prices of a plan: everything that time draws, and disk writes; some with an included quantity. */
function drawPlan(draw) {
  const price = (meter, amountMax, perQuantity) => ({
    item: meter,
    description: meter,
    meter,
    states: 'any',
    taxGroup: 'standard',
    model: {
      kind: 'unit',
      amountPico: BigInt(1 + draw(amountMax)),
      perQuantity: BigInt(1 + draw(perQuantity)),
      includedQuantity: draw(3) === 0 ? BigInt(draw(20_000_000)) : 0n,
    },
  });
  return {
    planVersionId: 'v',
    planId: 'p',
    version: 1n,
    name: 'p',
    description: '',
    currency: 'EUR',
    validFromNs: 0n,
    size: { vcpus: 1n, memoryFrames: 16n, diskBytes: 1n << 20n },
    landing: { pausedNs: 0n, retentionNs: 0n },
    prices: [
      price('cpu.ns', 1_000, 100),
      price('cpu.onbehalf.ns', 1_000, 100),
      price('memory.frame_ns', 10, 10_000),
      price('state.running.ns', 1_000, 100),
      price('disk.write.bytes', 100_000, 100),
    ],
    caps: [],
  };
}

/** Items as the control plane lends them, for the meters that this kind of resource has. */
function itemsOf(plan, resourceId) {
  const kind = resourceId === volumeId ? 'volume' : 'domain';
  const prices = plan.prices.filter(({ meter }) => METERS[kind].includes(meter));
  const own = { ...plan, prices };
  const assignment = {
    resourceId,
    capScopeId: domainId,
    planVersionId: plan.planVersionId,
    fromNs: 0n,
    toNs: null,
  };
  const terms = {
    period: { fromNs: 0n, toNs: hourNs },
    currency: 'EUR',
    planVersions: [own],
    assignments: [assignment],
    fees: [],
  };
  const committed = rateTotals(terms, { totals: [], undecided: [], unassigned: [] });
  if (!committed.ok) throw new Error(committed.error.message);
  return leaseItems({ resourceId, plan: own, states: ['running'], committed: committed.value });
}

/** The reading with which the domain was paused for want of money; null when the money lasted. */
function runUntilStopped(host, draw) {
  while (host.nowNs < spanNs) {
    host.run(host.nowNs + BigInt(1 + draw(5_000_000)));
    const events = host.drainEvents();
    const paused = events.find(
      ({ type, state, cause }) => type === 'domain.state' && state === 'paused' && cause === 'allowance',
    );
    if (paused) return paused;
  }
  return null;
}

/** What each item had consumed: the domain's at the pause itself; the volume's now, which can only be more. */
function consumedAt(host, { reading }, items) {
  const volume = host.sample().readings.find(({ resourceId }) => resourceId === volumeId);
  return items.map(({ resourceId, meter }) =>
    resourceId === volumeId
      ? volume.values[METERS.volume.indexOf(meter)]
      : reading.values[METERS.domain.indexOf(meter)],
  );
}

/** Bound I2; a tick of each rate at its most: every vCPU that can run, both driver domains, every frame, the domain. */
function boundOf(items, { pcpus, vcpus, frames }) {
  const running = BigInt(Math.min(vcpus, pcpus));
  const perNs = {
    'cpu.ns': running,
    'cpu.onbehalf.ns': 2n,
    'memory.frame_ns': BigInt(frames),
    'state.running.ns': 1n,
  };
  const parts = items
    .filter(({ meter }) => meter in perNs)
    .map(({ meter, priceNum, priceDen }) => ratio(perNs[meter] * priceNum, priceDen * running));
  return capOvershootBoundPico({
    tickNs: ALLOWANCE_STEP_NS,
    runningVcpus: running,
    pricePerVcpuNsPico: sumRatios(parts),
    inFlight: [],
  });
}
