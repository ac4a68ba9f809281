import type { Result } from '../base/error.js';
import { ok } from '../base/error.js';
import type { Ratio } from '../base/ratio.js';
import { addRatio, ceilRatio, floorRatio, ratio, subtractRatio, sumRatios } from '../base/ratio.js';
import type { RatedPeriod } from '../rating/charge-line.js';
import type { RatingTerms } from '../rating/rate.js';
import { rateTotals } from '../rating/rate.js';
import type { UsageTotal, UsageTotals } from '../rating/total-usage.js';
import { hypotheticalTotal, mergeTotals } from '../rating/total-usage.js';
import type { LeaseItem, LeaseSeries } from './lease-draw.js';
import { exactDrawnPico } from './lease-draw.js';

/**
 * Invariant I1 (C3), exact: F(settled + slices on loan) + sum of money on loan + fixed + landing <= cap_effective.
 *
 * Why it bounds the bill: let a host consume c' with drawn(c') <= authorised. F rises by at most price x excess beyond
 * settled and slices, and that sum is at most authorised - exactDrawn(settled) = the money on loan. So whatever arrives
 * later, in any order, F(total) + fixed <= cap.
 *
 * While a stopped domain lives on its landing reserve its draw passes `authorised`: the money on loan goes below zero
 * by exactly what the reserve lost, and the sum still tells the truth.
 */
export interface OutstandingSeries extends LeaseSeries {
  /** Consumption since the start of the series that is settled (ingested), in the order of `items`. */
  readonly settled: readonly bigint[];
}

export interface InvariantOneInput {
  readonly terms: RatingTerms;
  /** All settled usage of the tenant in the period; holds what the series settled. */
  readonly usage: UsageTotals;
  readonly series: readonly OutstandingSeries[];
  /** Fees of the period that the terms do not already hold. */
  readonly fixedPico: bigint;
  readonly landingReservePico: bigint;
  readonly capPico: bigint;
}

export interface InvariantOne {
  readonly holds: boolean;
  /** cap - left side: what may still be lent; negative by what is too much. */
  readonly slackPico: Ratio;
  /** The period rated with settled usage plus all slices on loan. */
  readonly committed: RatedPeriod;
  readonly moneyOnLoanPico: Ratio;
}

/** Errors: as `rateTotals`. */
export function checkInvariantOne(input: InvariantOneInput): Result<InvariantOne> {
  const committed = rateTotals(input.terms, committedUsage(input.usage, input.series));
  if (!committed.ok) return committed;
  const moneyOnLoanPico = sumRatios(input.series.map(moneyOnLoan));
  const held = addRatio(moneyOnLoanPico, ratio(input.fixedPico + input.landingReservePico));
  const slackPico = subtractRatio(ratio(input.capPico), addRatio(committed.value.totalPico, held));
  return ok({ holds: slackPico.num >= 0n, slackPico, committed: committed.value, moneyOnLoanPico });
}

/** Settled usage plus every slice on loan: an allowance on loan counts as used. */
export function committedUsage(usage: UsageTotals, series: readonly OutstandingSeries[]): UsageTotals {
  const lent: UsageTotal[] = series.flatMap((each) =>
    each.items.flatMap((item, place) => sliceOnLoan(item, each.settled[place] ?? 0n)),
  );
  return mergeTotals(usage, { totals: lent, undecided: [], unassigned: [] });
}

/** Money a series may still draw beyond what settled: authorised - exactDrawn(settled). */
export function moneyOnLoan(series: OutstandingSeries): Ratio {
  return subtractRatio(ratio(series.authorisedPico), exactDrawnPico(series.items, series.settled));
}

/** The same rounded up, for `authorise`. */
export function moneyOnLoanPico(series: OutstandingSeries): bigint {
  return ceilRatio(moneyOnLoan(series));
}

/**
 * What a settled series took from the landing reserve, rounded up: ending it takes this much off the reserve, because
 * the draw itself now stands in the settled usage.
 */
export function landingSpentPico(series: OutstandingSeries): bigint {
  const spentPico = -floorRatio(moneyOnLoan(series));
  return spentPico > 0n ? spentPico : 0n;
}

function sliceOnLoan(item: LeaseItem, settled: bigint): UsageTotal[] {
  if (item.freeQuantity <= settled) return [];
  const { resourceId, planVersionId, meter, state } = item;
  const quantity = item.freeQuantity - settled;
  return [hypotheticalTotal({ resourceId, planVersionId, meter, state, quantity })];
}
