import type { Result } from '../base/error.js';
import { ok } from '../base/error.js';
import { ceilRatio, ratio, subtractRatio } from '../base/ratio.js';
import type { Ratio } from '../base/ratio.js';
import type { PlanVersion } from '../catalog/plan.js';
import type { PowerState } from '../catalog/power-state.js';
import type { Authorisation } from './authorise.js';
import { authorise } from './authorise.js';
import type { InvariantOne, InvariantOneInput, OutstandingSeries } from './invariant-one.js';
import { checkInvariantOne, moneyOnLoan } from './invariant-one.js';
import type { LeaseItem } from './lease-draw.js';
import { leaseItems } from './lease-items.js';

/** How much a series may get at once. */
export interface LoanTerms {
  readonly ratePerHourPico: bigint;
  readonly minimumPico: bigint;
}

/** A resource that lives on the host from the start of the series. */
export interface LeasedResource {
  readonly resourceId: string;
  readonly plan: PlanVersion;
  /** States it can be in on this host, the usual one first. */
  readonly states: readonly PowerState[];
}

/**
 * Opens a series for a host: lends it what is left of its resources' allowances and a first amount of money. When even
 * lending the allowances does not fit, the series gets money only. `tenant.series` holds all other outstanding series.
 * Errors: as `rateTotals`.
 */
export function openSeries(
  tenant: InvariantOneInput,
  seriesId: string,
  resources: readonly LeasedResource[],
  terms: LoanTerms,
): Result<OutstandingSeries> {
  const before = checkInvariantOne(tenant);
  if (!before.ok) return before;
  for (const share of [ratio(1n), ratio(0n)]) {
    const series = newSeries(seriesId, itemsOf(resources, before.value, share));
    const lent = checkInvariantOne({ ...tenant, series: [...tenant.series, series] });
    if (!lent.ok) return lent;
    if (share.num > 0n && !lent.value.holds) continue;
    const { authorisedPico } = authoriseUnder(tenant, lent.value, series, terms);
    return ok({ ...series, authorisedPico });
  }
  return ok(newSeries(seriesId, []));
}

/**
 * Raises the authorised total of one of `tenant.series`; the answer is what to send the host. Errors: as `rateTotals`.
 */
export function renewSeries(
  tenant: InvariantOneInput,
  seriesId: string,
  terms: LoanTerms,
): Result<Authorisation> {
  const series = tenant.series.find((each) => each.seriesId === seriesId);
  const state = checkInvariantOne(tenant);
  if (!state.ok) return state;
  if (series === undefined) return ok({ authorisedPico: 0n, remainingPico: 0n, raised: false });
  return ok(authoriseUnder(tenant, state.value, series, terms));
}

function authoriseUnder(
  tenant: InvariantOneInput,
  state: InvariantOne,
  series: OutstandingSeries,
  terms: LoanTerms,
): Authorisation {
  const others = subtractRatio(state.moneyOnLoanPico, moneyOnLoan(series));
  return authorise({
    capPico: tenant.capPico,
    ratedPico: ceilRatio(state.committed.totalPico),
    outstandingPico: ceilRatio(others),
    fixedPico: tenant.fixedPico,
    landingReservePico: tenant.landingReservePico,
    ratePerHourPico: terms.ratePerHourPico,
    minimumPico: terms.minimumPico,
    series,
  });
}

function itemsOf(
  resources: readonly LeasedResource[],
  state: InvariantOne,
  share: Ratio,
): readonly LeaseItem[] {
  return resources.flatMap((resource) => leaseItems({ ...resource, committed: state.committed, share }));
}

function newSeries(seriesId: string, items: readonly LeaseItem[]): OutstandingSeries {
  return { seriesId, items, authorisedPico: 0n, settled: items.map(() => 0n) };
}
