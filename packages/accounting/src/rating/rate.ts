import type { Result } from '../base/error.js';
import { fail, ok } from '../base/error.js';
import type { Period } from '../base/period.js';
import type { Ratio } from '../base/ratio.js';
import { compareRatio, ratio, sumRatios } from '../base/ratio.js';
import type { PlanVersion } from '../catalog/plan.js';
import { isPowerState } from '../catalog/power-state.js';
import type { UsageRecord } from '../usage/usage-record.js';
import type { Assignment, AssignmentsByResource } from './assignment.js';
import { indexAssignments } from './assignment.js';
import type { ChargeLine, FixedLine, RatedPeriod } from './charge-line.js';
import { RATER_VERSION } from './charge-line.js';
import { priceTotals } from './price-totals.js';
import type { PricingInput } from './price-totals.js';
import type { UndecidedSpan, UsageTotal, UsageTotals } from './total-usage.js';
import { totalUsage } from './total-usage.js';

/** A charge that does not depend on use, owed once in the period. */
export interface FixedFee {
  readonly feeId: string;
  readonly resourceId: string;
  readonly description: string;
  readonly amountPico: bigint;
  readonly taxGroup: string;
}

/** What prices a period: everything of a rating but the usage. */
export interface RatingTerms {
  readonly period: Period;
  readonly currency: string;
  readonly planVersions: readonly PlanVersion[];
  readonly assignments: readonly Assignment[];
  readonly fees: readonly FixedFee[];
}

/** The one rater (B4). Errors: assignment_overlap, period_invalid, plan_version_missing, currency_mismatch, usage_invalid. */
export function rate(
  input: RatingTerms & { readonly records: Iterable<UsageRecord>; readonly keepSources?: boolean },
): Result<RatedPeriod> {
  const totals = totalUsage(input);
  return totals.ok ? rateTotals(input, totals.value) : totals;
}

/** Rates usage already folded: kept totals, forecasts, estimates, slices on loan. Errors: as `rate`. */
export function rateTotals(terms: RatingTerms, usage: UsageTotals): Result<RatedPeriod> {
  const pricing = prepare(terms, usage);
  if (!pricing.ok) return pricing;
  const totals = decideUncutSpans(pricing.value, usage);
  const lines: ChargeLine[] = [...priceTotals({ ...pricing.value, totals }), ...terms.fees.map(fixedLine)];
  lines.sort((a, b) => (a.lineId < b.lineId ? -1 : a.lineId > b.lineId ? 1 : 0));
  return ok({
    engine: RATER_VERSION,
    period: terms.period,
    currency: terms.currency,
    lines,
    totalPico: totalOf(lines),
    unassigned: usage.unassigned,
  });
}

function prepare(terms: RatingTerms, usage: UsageTotals): Result<PricingInput> {
  const assignments = indexAssignments(terms.period, terms.assignments);
  if (!assignments.ok) return assignments;
  const plans = new Map(terms.planVersions.map((plan) => [plan.planVersionId, plan]));
  for (const list of assignments.value.values()) {
    for (const { planVersionId, resourceId } of list) {
      const plan = plans.get(planVersionId);
      if (plan === undefined) {
        return fail('plan_version_missing', `plan version ${planVersionId} was not given`, {
          planVersionId,
          resourceId,
        });
      }
      if (plan.currency !== terms.currency) {
        const attributes = { planVersionId, currency: plan.currency, expected: terms.currency };
        return fail(
          'currency_mismatch',
          `${planVersionId} is in ${plan.currency}, not ${terms.currency}`,
          attributes,
        );
      }
    }
  }
  for (const total of [...usage.totals, ...usage.undecided.flatMap((span) => span.records)]) {
    const bad =
      total.quantity < 0n ? 'a negative quantity' : isPowerState(total.state) ? '' : 'an unknown power state';
    if (bad !== '') {
      const { resourceId, meter, state } = total;
      return fail('usage_invalid', `usage of ${meter} by ${resourceId} has ${bad}`, {
        resourceId,
        meter,
        state,
      });
    }
  }
  for (const total of usage.totals) {
    const covered = assignments.value
      .get(total.resourceId)
      ?.some((each) => each.planVersionId === total.planVersionId);
    if (covered !== true) {
      const { resourceId, planVersionId } = total;
      return fail('plan_version_missing', `${planVersionId} is not assigned to ${resourceId}`, {
        resourceId,
        planVersionId,
      });
    }
  }
  return ok({ plans, assignments: assignments.value, totals: usage.totals });
}

/**
 * Gives uncut spans over a change of plan to the version that makes the bill lower, the earlier one on a tie (A3).
 * Spans that missed the same change inside one cap scope (a domain and its volumes) are decided together; groups are
 * decided in order of time, so the outcome does not depend on the order of records.
 */
function decideUncutSpans(pricing: PricingInput, usage: UsageTotals): readonly UsageTotal[] {
  let totals = usage.totals;
  for (const spans of groupSpans(pricing.assignments, usage.undecided)) {
    const related = relatedResources(pricing.assignments, spans);
    const near = totals.filter((total) => related.has(total.resourceId));
    let best: { readonly amount: Ratio; readonly added: readonly UsageTotal[] } | undefined;
    for (const planVersionId of spans[0]?.planVersionIds ?? []) {
      const added = spans.flatMap((span) => totalsOfSpan(span, planVersionId));
      const amount = totalOf(priceTotals({ ...pricing, totals: [...near, ...added] }));
      if (best === undefined || compareRatio(amount, best.amount) < 0) best = { amount, added };
    }
    if (best !== undefined) totals = [...totals, ...best.added];
  }
  return totals;
}

function groupSpans(
  assignments: AssignmentsByResource,
  undecided: readonly UndecidedSpan[],
): Iterable<readonly UndecidedSpan[]> {
  const groups = new Map<string, UndecidedSpan[]>();
  for (const span of [...undecided].sort(bySpan)) {
    const scope = assignments.get(span.resourceId)?.[0]?.capScopeId;
    const key = JSON.stringify([scope, span.planVersionIds]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [span]);
    else group.push(span);
  }
  return groups.values();
}

/** Resources whose charges can move together: those that share a cap scope with the spans'. */
function relatedResources(
  assignments: AssignmentsByResource,
  spans: readonly UndecidedSpan[],
): ReadonlySet<string> {
  const related = new Set(spans.map((span) => span.resourceId));
  const own = [...related].flatMap((resourceId) => assignments.get(resourceId) ?? []);
  const scopes = new Set(own.map((assignment) => assignment.capScopeId));
  for (const [id, list] of assignments) {
    if (list.some((assignment) => scopes.has(assignment.capScopeId))) related.add(id);
  }
  return related;
}

function totalsOfSpan(span: UndecidedSpan, planVersionId: string): readonly UsageTotal[] {
  return span.records.map((record) => ({
    resourceId: record.resourceId,
    planVersionId,
    meter: record.meter,
    state: record.state,
    quantity: record.quantity,
    recordCount: 1,
    uncut: true,
    provisional: record.provisional,
    sources: [record],
  }));
}

function bySpan(a: UndecidedSpan, b: UndecidedSpan): number {
  const left = [a.fromNs, a.resourceId, a.incarnationId, a.fromSeq];
  const right = [b.fromNs, b.resourceId, b.incarnationId, b.fromSeq];
  for (let place = 0; place < left.length; place += 1) {
    const [x, y] = [left[place] as bigint, right[place] as bigint];
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}

function fixedLine(fee: FixedFee): FixedLine {
  return {
    kind: 'fixed',
    lineId: `${fee.resourceId}/fee/${fee.feeId}`,
    resourceId: fee.resourceId,
    item: 'fee',
    description: fee.description,
    taxGroup: fee.taxGroup,
    amountPico: fee.amountPico,
    chargePico: ratio(fee.amountPico),
  };
}

function totalOf(lines: readonly ChargeLine[]): Ratio {
  return sumRatios(lines.map((line) => line.chargePico));
}
