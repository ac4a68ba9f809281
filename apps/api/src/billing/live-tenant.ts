import {
  accruedByResource,
  ceilRatio,
  floorRatio,
  hypotheticalTotal,
  mergeTotals,
  METER_VECTORS,
  multiplyRatio,
  rateTotals,
  ratio,
  subtractRatio,
  sumRatios,
  ZERO,
  type Ratio,
  type UsageTotal,
} from '@xenorack/accounting';
import { must, type RatedTenant } from './rate-tenant.js';

const SECOND_NS = 1_000_000_000n;

/** What one incarnation did between its last two readings. */
export interface Delta {
  elapsedNs: bigint;
  values: bigint[];
}

export interface LiveTenant {
  rated: RatedTenant;
  deltas: Map<string, Delta>;
  /** Net burn now, pico per hour, in all and by domain (its volumes included). */
  ratePerHourPico: bigint;
  ratePerHourByScope: Map<string, bigint>;
  /** Exact charges so far by domain, volumes included, rounded down to a pico. */
  accruedPicoByScope: Map<string, bigint>;
}

/**
 * Net burn now in pico per hour: one second of the present trend through the rater, times 3600. One rating for all
 * resources, so the cost grows with the bill and not with its square.
 */
export function burnNow(
  rated: RatedTenant,
  deltas: Map<string, Delta>,
): { total: bigint; byScope: Map<string, bigint> } {
  const assigned = new Map(
    rated.terms.assignments.filter((a) => a.toNs === null).map((a) => [a.resourceId, a]),
  );
  const trend: UsageTotal[] = [];
  for (const { id, resourceId, resourceKind, head } of rated.usage.incarnations) {
    const delta = deltas.get(id);
    const planVersionId = assigned.get(resourceId)?.planVersionId;
    if (!delta || planVersionId === undefined) continue;
    const state = resourceKind === 'volume' ? 'running' : head.state;
    METER_VECTORS[`${resourceKind}.v1`].meters.forEach((meter, at) => {
      const quantity = ((delta.values[at] ?? 0n) * SECOND_NS) / delta.elapsedNs;
      if (quantity > 0n)
        trend.push(hypotheticalTotal({ resourceId, planVersionId, meter: meter.name, state, quantity }));
    });
  }
  const ahead = mergeTotals(rated.totals, { totals: trend, undecided: [], unassigned: [] });
  const before = new Map(rated.rated.lines.map((line) => [line.lineId, line.chargePico]));
  const byScope = new Map<string, Ratio[]>();
  for (const line of must(rateTotals(rated.terms, ahead)).lines) {
    const scope = assigned.get(line.resourceId)?.capScopeId ?? line.resourceId;
    const grown = subtractRatio(line.chargePico, before.get(line.lineId) ?? ZERO);
    const list = byScope.get(scope);
    if (list) list.push(grown);
    else byScope.set(scope, [grown]);
  }
  const perHour = (grown: Ratio[]) => ceilRatio(multiplyRatio(sumRatios(grown), ratio(3_600n)));
  return {
    total: perHour([...byScope.values()].flat()),
    byScope: new Map([...byScope].map(([scope, grown]) => [scope, perHour(grown)])),
  };
}

/** Exact charges so far by domain, its volumes included, rounded down to a pico. */
export function accruedByScope({ rated, terms }: RatedTenant): Map<string, bigint> {
  const scopeOf = new Map(terms.assignments.map((each) => [each.resourceId, each.capScopeId]));
  const byScope = new Map<string, Ratio[]>();
  for (const [resourceId, amount] of accruedByResource(rated)) {
    const scope = scopeOf.get(resourceId) ?? resourceId;
    const list = byScope.get(scope);
    if (list) list.push(amount);
    else byScope.set(scope, [amount]);
  }
  return new Map([...byScope].map(([scope, amounts]) => [scope, floorRatio(sumRatios(amounts))]));
}
