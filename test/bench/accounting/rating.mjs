// How many usage records the pure rater folds and prices in a second on one core.
import { foldCuts, METER_VECTORS, rate } from '@xenorack/accounting';
import { demoPlanVersions } from '../../../apps/api/dist/demo/demo-plans.js';
import { median } from '../measure.mjs';

const quarterHourNs = 900n * 1_000_000_000n;
const monthNs = 30n * 96n * quarterHourNs;

/** A month of domains with their volumes, cut every quarter hour; readings are made, and decoded, beforehand. */
export function ratedRecords({ isSmall }) {
  const domains = isSmall ? 2 : 24;
  const cuts = isSmall ? 100 : 1_000;
  const resources = Array.from({ length: domains }, (_, i) => [
    ...resource(`dom_${i}`, `dom_${i}`, 'domain', cuts),
    ...resource(`vol_${i}`, `dom_${i}`, 'volume', cuts),
  ]).flat();
  const plan = demoPlanVersions(0n)[0];
  const terms = {
    period: { fromNs: 0n, toNs: monthNs },
    currency: 'EUR',
    planVersions: [plan],
    assignments: resources.map(({ ref, scope }) => ({
      resourceId: ref.resourceId,
      capScopeId: scope,
      planVersionId: plan.planVersionId,
      fromNs: 0n,
      toNs: null,
    })),
    fees: [],
  };
  const fold = () => resources.flatMap(({ ref, cuts: own }) => must(foldCuts(ref, own)));
  const records = fold();
  const price = (keepSources) => must(rate({ ...terms, records, keepSources }));
  const priced = price(false);
  if (priced.totalPico.num <= 0n || priced.unassigned.length > 0) throw new Error('nothing was priced');

  const rounds = isSmall ? 5 : 9;
  const perSecond = (count, work) => {
    work();
    return median(
      Array.from({ length: rounds }, () => {
        const startedMs = performance.now();
        work();
        return (count * 1_000) / (performance.now() - startedMs);
      }),
    );
  };
  return {
    name: 'accounting.rated_records_per_s',
    value: perSecond(records.length, () => price(false)),
    unit: '1/s',
    goal: 1_000_000,
    better: 'higher',
    detail: {
      records: records.length,
      resources: resources.length,
      with_derivation_kept: Math.round(perSecond(records.length, () => price(true))),
      from_cuts: Math.round(perSecond(records.length, () => must(rate({ ...terms, records: fold() })))),
    },
  };
}

/** Cuts in which every counter that moves in practice moves; network is idle in every other span. */
function resource(resourceId, scope, kind, count) {
  const meters = METER_VECTORS[`${kind}.v1`].meters.map((meter) => meter.name);
  const growth = {
    'cpu.ns': 7n * 10n ** 9n,
    'cpu.onbehalf.ns': 10n ** 9n,
    'memory.frame_ns': 16_384n * quarterHourNs,
    'state.running.ns': quarterHourNs,
    'runstate.running.ns': 8n * 10n ** 9n,
    'runstate.runnable.ns': 10n ** 9n,
    'runstate.blocked.ns': quarterHourNs - 9n * 10n ** 9n,
    'net.public.rx.bytes': 123_456n,
    'net.public.tx.bytes': 7_654_321n,
    'disk.write.bytes': 65_536n,
    'disk.write.ops': 16n,
    'disk.space.byte_ns': (1n << 28n) * quarterHourNs,
  };
  const values = meters.map(() => 0n);
  const cuts = Array.from({ length: count + 1 }, (_, at) => {
    meters.forEach((meter, place) => {
      if (at > 0 && (at % 2 === 0 || !meter.startsWith('net.'))) values[place] += growth[meter] ?? 0n;
    });
    const utcNs = BigInt(at) * quarterHourNs;
    const kindOfCut = at === 0 ? 'open' : 'cut';
    return {
      seq: BigInt(at),
      hostNs: utcNs,
      utcNs,
      kind: kindOfCut,
      reason: 'quarter-hour',
      state: 'running',
      values: [...values],
    };
  });
  return [{ ref: { incarnationId: `hst/1/${resourceId}`, resourceId, meters }, scope, cuts }];
}

function must(result) {
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}
