// How fast one emulated host works, and how exactly it shares its CPUs.
import { coroutineGuest, createMemoryHost, IMAGES } from '@xenorack/hypervisor';
import { interleavedRatio, median, seeded } from './measure.mjs';

const msNs = 1_000_000n;
const secondNs = 1_000n * msNs;

export async function* figures({ isSmall }) {
  yield slicesPerSecond(isSmall);
  yield await tickCostGrowth(isSmall);
  yield hypercallsPerSecond(isSmall);
  yield weightError(isSmall);
  yield capError(isSmall);
}

function slicesPerSecond(isSmall) {
  const domains = isSmall ? 100 : 1_000;
  const host = hostWith({ pcpus: 4 });
  for (let i = 0; i < domains; i += 1) start(host, `busy-${i}`, IMAGES.busy);
  const spanNs = (isSmall ? 2n : 60n) * secondNs;
  host.run(secondNs);
  const rates = Array.from({ length: 5 }, () => {
    const { slices, ms } = runFor(host, spanNs);
    return (slices * 1_000) / ms;
  });
  return {
    name: 'hypervisor.slices_per_s_1000',
    value: median(rates),
    unit: '1/s',
    detail: { domains, pcpus: 4, rounds: rates.map(Math.round) },
  };
}

/** What a slice costs when nearly all domains sleep; beside it, when all of them compute. */
async function tickCostGrowth(isSmall) {
  const many = isSmall ? 300 : 10_000;
  const spanNs = (isSmall ? 1n : 40n) * secondNs;
  const rounds = isSmall ? 5 : 9;
  const growth = (subject, baseline) =>
    interleavedRatio({
      subject: () => costPerSlice(subject, spanNs),
      baseline: () => costPerSlice(baseline, spanNs),
      rounds,
    });
  const few = hostWith({ pcpus: 2, sleepers: 0, busy: 10 });
  const sleeping = await growth(hostWith({ pcpus: 2, sleepers: many - 10, busy: 10 }), few);
  const runnable = await growth(hostWith({ pcpus: 2, sleepers: 0, busy: many }), few);
  return {
    name: 'hypervisor.tick_cost_growth',
    value: sleeping.ratio,
    unit: 'ratio',
    baseline: 'the same 10 runnable domains among 10',
    goal: 1.5,
    better: 'lower',
    detail: {
      domains: many,
      us_per_slice: sleeping.subject,
      us_per_slice_among_10: sleeping.baseline,
      ratios: sleeping.ratios,
      // Accounting visits every active vCPU, so with all runnable the cost is compared per runnable domain.
      per_runnable_domain_all_runnable: (runnable.ratio * 10) / many,
    },
  };
}

/** A coroutine guest that calls into Xen without pause; the calls do not block. */
function hypercallsPerSecond(isSmall) {
  const sends = function* () {
    const port = yield { do: 'hypercall', call: { op: 'event_channel_op', cmd: 'bind_ipi', vcpu: 0 } };
    for (;;) yield { do: 'hypercall', call: { op: 'event_channel_op', cmd: 'send', port } };
  };
  const asks = function* () {
    for (;;) yield { do: 'hypercall', call: { op: 'vcpu_op', cmd: 'get_runstate_info' } };
  };
  const spanNs = (isSmall ? 20n : 1_000n) * msNs;
  return {
    name: 'hypervisor.hypercalls_per_s',
    value: callRate(sends, spanNs),
    unit: '1/s',
    detail: { call: 'event_channel_op send', get_runstate_info_per_s: callRate(asks, spanNs) },
  };
}

function callRate(routine, spanNs) {
  const host = hostWith({ pcpus: 1 });
  start(host, 'caller', { name: 'caller', boot: () => coroutineGuest(routine) });
  host.run(spanNs);
  const rates = Array.from({ length: 5 }, () => {
    const { hypercalls, ms } = runFor(host, spanNs);
    return (hypercalls * 1_000) / ms;
  });
  return median(rates);
}

/** The worst relative distance of any domain from its share, over fixed and drawn settings. */
function weightError(isSmall) {
  const drawn = seeded(20_261_122);
  const settings = [
    { pcpus: 1, domains: [[256], [512]] },
    { pcpus: 1, domains: Array.from({ length: 10 }, (_, i) => [100 * (i + 1)]) },
    { pcpus: 2, domains: [[256], [512], [256, 2]] },
    { pcpus: 2, domains: [[512], [256]] },
    ...Array.from({ length: isSmall ? 1 : 8 }, () => ({
      pcpus: 1 + drawn(4),
      domains: Array.from({ length: 5 + drawn(16) }, () => [64 + drawn(961), 1 + drawn(2)]),
    })),
  ];
  const spanS = isSmall ? 30 : 120;
  const errors = settings.map(({ pcpus, domains }) => {
    const host = hostWith({ pcpus });
    domains.forEach(([weight, vcpus = 1], i) => start(host, `d${i}`, IMAGES.busy, { weight, vcpus }));
    const before = cpuOf(host, 5);
    const after = cpuOf(host, 5 + spanS);
    const shares = fairShares(pcpus, domains);
    return Math.max(
      ...shares.map((share, i) => Math.abs((after.get(`d${i}`) - before.get(`d${i}`)) / spanS / share - 1)),
    );
  });
  return {
    name: 'hypervisor.weight_error',
    value: Math.max(...errors),
    unit: 'ratio',
    baseline: 'the share by weight',
    goal: 0.04,
    better: 'lower',
    detail: { settings: settings.length, seconds: spanS, median: median(errors) },
  };
}

/**
 * Shares by weight per vCPU where no vCPU can have more than one pCPU: what a full one leaves flows to the others.
 * @param {number} pcpus @param {number[][]} domains [weight, vcpus = 1] @returns {number[]} pCPUs per domain.
 */
function fairShares(pcpus, domains) {
  const vcpus = domains.flatMap(([weight, count = 1], domain) =>
    Array.from({ length: count }, () => ({ domain, weight, share: 0 })),
  );
  let open = vcpus;
  let left = pcpus;
  for (;;) {
    const total = open.reduce((sum, vcpu) => sum + vcpu.weight, 0);
    const full = open.filter((vcpu) => (left * vcpu.weight) / total >= 1);
    if (full.length === 0) {
      for (const vcpu of open) vcpu.share = (left * vcpu.weight) / total;
      break;
    }
    for (const vcpu of full) vcpu.share = 1;
    left -= full.length;
    open = open.filter((vcpu) => !full.includes(vcpu));
  }
  return domains.map((_, domain) =>
    vcpus.filter((vcpu) => vcpu.domain === domain).reduce((sum, vcpu) => sum + vcpu.share, 0),
  );
}

/**
 * The worst relative distance from the cap on a free host. Beside others who want the same pCPUs a cap is a ceiling only:
 * passing it counts, and how far a capped domain stays below it although its weight is far above theirs is a detail.
 */
function capError(isSmall) {
  const spanS = isSmall ? 10 : 60;
  const caps = [[1], [10], [25], [50], [90], [150, 2], [333, 4]];
  const distances = caps.flatMap(([cap, vcpus = 1]) =>
    [0, 4].map((neighbours) => {
      const host = hostWith({ pcpus: 4 });
      start(host, 'capped', IMAGES.busy, { cap, vcpus, weight: 2_560 });
      for (let i = 0; i < neighbours; i += 1) start(host, `n${i}`, IMAGES.busy, { weight: 64 });
      const used = cpuOf(host, 1 + spanS, cpuOf(host, 1)).get('capped');
      return { cap, neighbours, distance: used / spanS / (cap / 100) - 1 };
    }),
  );
  const errors = distances.map(({ neighbours, distance }) =>
    neighbours === 0 ? Math.abs(distance) : Math.max(0, distance),
  );
  const shortfalls = distances.filter(({ neighbours }) => neighbours > 0);
  return {
    name: 'hypervisor.cap_error',
    value: Math.max(...errors),
    unit: 'ratio',
    baseline: 'the cap',
    goal: 0.02,
    better: 'lower',
    detail: {
      settings: errors.length,
      seconds: spanS,
      below_cap_beside_busy_neighbours: Object.fromEntries(
        shortfalls.map(({ cap, distance }) => [`cap ${cap}`, Math.max(0, -distance)]),
      ),
    },
  };
}

function hostWith({ pcpus, sleepers = 0, busy = 0 }) {
  const { host } = createMemoryHost({ pcpus, frames: 1 << 22, xenFrames: 1_024, seed: 1 });
  for (let i = 0; i < sleepers; i += 1) start(host, `idle-${i}`, IMAGES.idle);
  for (let i = 0; i < busy; i += 1) start(host, `busy-${i}`, IMAGES.busy);
  if (sleepers + busy > 0) host.run(secondNs);
  host.drainEvents();
  return host;
}

function start(host, id, image, options = {}) {
  const built = host.createDomain({ name: id, id, vcpus: 1, memoryFrames: 16, image, ...options });
  if (!built.ok) throw new Error(built.detail);
  host.unpause(built.value);
}

/** Lets the host work for a span of its own time; what it did and how long it really took. */
function runFor(host, spanNs) {
  const before = host.stats();
  const startedMs = performance.now();
  host.run(host.nowNs + spanNs);
  const ms = performance.now() - startedMs;
  const after = host.stats();
  host.drainEvents();
  return { ms, slices: after.slices - before.slices, hypercalls: after.hypercalls - before.hypercalls };
}

/** Microseconds per slice. */
function costPerSlice(host, spanNs) {
  const { ms, slices } = runFor(host, spanNs);
  return (ms * 1_000) / slices;
}

/** CPU seconds by domain at an instant, less those of an earlier call. */
function cpuOf(host, atS, before = new Map()) {
  host.run(BigInt(atS) * secondNs);
  return new Map(
    host
      .sample()
      .readings.map(({ resourceId, values }) => [
        resourceId,
        Number(values[0]) / 1e9 - (before.get(resourceId) ?? 0),
      ]),
  );
}
