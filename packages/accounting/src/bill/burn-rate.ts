import type { Result } from '../base/error.js';
import { ok } from '../base/error.js';
import { HOUR_NS } from '../base/period.js';
import type { Ratio } from '../base/ratio.js';
import { ZERO, addRatio, multiplyRatio, ratio, subtractRatio } from '../base/ratio.js';
import type { PowerState } from '../catalog/power-state.js';
import type { RatingTerms } from '../rating/rate.js';
import { rateTotals } from '../rating/rate.js';
import { slopePico } from '../rating/landing-reserve.js';
import type { UsageTotal, UsageTotals } from '../rating/total-usage.js';
import { hypotheticalTotal, mergeTotals } from '../rating/total-usage.js';

/** Usage of a recent stretch of time: the present trend. */
export interface Trend {
  readonly usage: readonly Pick<
    UsageTotal,
    'resourceId' | 'planVersionId' | 'meter' | 'state' | 'quantity'
  >[];
  /** Length of the stretch on the host's clock, ns; above 0. */
  readonly elapsedNs: bigint;
}

export interface BurnRate {
  /** What the trend adds to the bill per hour now: allowances and caps count. Exact, pico. */
  readonly netPerHourPico: Ratio;
  /** The same at list price, without allowances and caps. */
  readonly listPerHourPico: Ratio;
}

/** The present burn. `usageBefore` is the period's usage without the trend. Errors: as `rateTotals`. */
export function burnRatePerHour(
  terms: RatingTerms,
  usageBefore: UsageTotals,
  trend: Trend,
): Result<BurnRate> {
  if (trend.elapsedNs <= 0n) return ok({ netPerHourPico: ZERO, listPerHourPico: ZERO });
  const before = rateTotals(terms, usageBefore);
  if (!before.ok) return before;
  const after = rateTotals(terms, mergeTotals(usageBefore, scaled(trend, 1n, 1n)));
  if (!after.ok) return after;
  const perHour = ratio(HOUR_NS, trend.elapsedNs);
  let list = ZERO;
  for (const used of trend.usage) {
    const plan = terms.planVersions.find((each) => each.planVersionId === used.planVersionId);
    if (plan === undefined) continue;
    list = addRatio(
      list,
      multiplyRatio(ratio(used.quantity), slopePico(plan, used.meter, used.state as PowerState)),
    );
  }
  return ok({
    netPerHourPico: multiplyRatio(subtractRatio(after.value.totalPico, before.value.totalPico), perHour),
    listPerHourPico: multiplyRatio(list, perHour),
  });
}

/**
 * The bill at the period's end if the trend goes on: usage so far plus the trend over what remains, through the same
 * rater. Quantities are rounded down to whole units. Errors: as `rateTotals`.
 */
export function forecastPico(
  terms: RatingTerms,
  usageSoFar: UsageTotals,
  trend: Trend,
  nowNs: bigint,
): Result<Ratio> {
  const leftNs = terms.period.toNs > nowNs ? terms.period.toNs - nowNs : 0n;
  const ahead = trend.elapsedNs > 0n ? scaled(trend, leftNs, trend.elapsedNs) : scaled(trend, 0n, 1n);
  const rated = rateTotals(terms, mergeTotals(usageSoFar, ahead));
  return rated.ok ? ok(rated.value.totalPico) : rated;
}

function scaled(trend: Trend, times: bigint, per: bigint): UsageTotals {
  const totals = trend.usage.map((used) =>
    hypotheticalTotal({ ...used, quantity: (used.quantity * times) / per }),
  );
  return { totals, undecided: [], unassigned: [] };
}
