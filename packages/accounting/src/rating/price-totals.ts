import { joinKey } from '../base/join-key.js';
import type { Ratio } from '../base/ratio.js';
import { compareRatio, normaliseRatio, ratio, sumRatios } from '../base/ratio.js';
import { meterDefinition } from '../catalog/meter.js';
import type { PlanVersion, Price, PriceModel } from '../catalog/plan.js';
import { capOf, chargesIn } from '../catalog/plan.js';
import type { PowerState } from '../catalog/power-state.js';
import type { Assignment, AssignmentsByResource } from './assignment.js';
import type { CapEffect, UsageLine } from './charge-line.js';
import type { UsageTotal } from './total-usage.js';

/**
 * Design: charges come from period totals alone, each an exact fraction (B1). Per resource: one line per item and
 * plan version, allowances shared by the versions of an item; then the monthly caps per (cap scope, group) over all lines.
 * Invariants (the lease rests on them): the sum of charges never falls when a quantity grows; one more unit of a
 * quantity never costs more than the price of its own version; caps depend on the
 * assignments, not on use, so that a first unit under a new version cannot make the sum jump.
 * Units: pico, exact.
 */
export interface PricingInput {
  readonly plans: ReadonlyMap<string, PlanVersion>;
  readonly assignments: AssignmentsByResource;
  readonly totals: readonly UsageTotal[];
}

/** Lines with quantity > 0, in no particular order. */
export function priceTotals(input: PricingInput): readonly UsageLine[] {
  const byResource = groupBy(input.totals, (total) => total.resourceId);
  const lines: UsageLine[] = [];
  for (const [resourceId, totals] of byResource) {
    const assignments = input.assignments.get(resourceId) ?? [];
    lines.push(...priceResource(assignments, input.plans, totals));
  }
  return applyCaps(lines, capsByScope(input));
}

/** One price of one version with what the resource used under it; not yet told how much of it is free. */
interface PricedUse {
  readonly assignment: Assignment;
  readonly plan: PlanVersion;
  readonly price: Price;
  readonly charged: readonly UsageTotal[];
}

function priceResource(
  assignments: readonly Assignment[],
  plans: ReadonlyMap<string, PlanVersion>,
  totals: readonly UsageTotal[],
): UsageLine[] {
  const uses: PricedUse[] = [];
  const byVersion = groupBy(totals, (total) => total.planVersionId);
  for (const [planVersionId, ofVersion] of byVersion) {
    const assignment = assignments.find((each) => each.planVersionId === planVersionId);
    const plan = plans.get(planVersionId);
    if (assignment === undefined || plan === undefined) continue;
    for (const price of plan.prices) {
      const charged = ofVersion.filter(
        (total) => total.meter === price.meter && chargesIn(price, total.state as PowerState),
      );
      if (charged.some((total) => total.quantity > 0n)) uses.push({ assignment, plan, price, charged });
    }
  }
  return [...groupBy(uses, (use) => allowanceKey(use.price)).values()].flatMap(priceOfItem);
}

/**
 * The lines of one item, one per version. Versions share the item's allowance and the dearest use takes it first: in
 * the tenant's favour, the same in any order of arrival, and it keeps the rater's slope at each version's own price.
 */
function priceOfItem(uses: readonly PricedUse[]): UsageLine[] {
  const dearestFirst = [...uses].sort(
    (a, b) => comparePrice(b.price, a.price) || (a.assignment.fromNs < b.assignment.fromNs ? -1 : 1),
  );
  let allowanceUsed = 0n;
  return dearestFirst.map((use) => {
    const line = usageLine(use, allowanceUsed);
    allowanceUsed += line.includedQuantity;
    return line;
  });
}

function comparePrice(a: Price, b: Price): -1 | 0 | 1 {
  return compareRatio(
    ratio(a.model.amountPico, a.model.perQuantity),
    ratio(b.model.amountPico, b.model.perQuantity),
  );
}

/** Prices of different versions share an allowance when they are the same item on the same meter. */
function allowanceKey(price: Price): string {
  return joinKey(price.item, price.meter);
}

function usageLine(use: PricedUse, allowanceUsed: bigint): UsageLine {
  const { assignment, plan, price, charged } = use;
  let quantity = 0n;
  for (const total of charged) quantity += total.quantity;
  const { includedQuantity, grossPico } = priceQuantity(price.model, quantity, allowanceUsed);
  const capPico = price.capGroup === undefined ? undefined : capOf(plan, price.capGroup);
  return {
    kind: 'usage',
    lineId: `${assignment.resourceId}/${price.item}/${plan.planVersionId}`,
    resourceId: assignment.resourceId,
    capScopeId: assignment.capScopeId,
    planVersionId: plan.planVersionId,
    item: price.item,
    description: price.description,
    taxGroup: price.taxGroup,
    meter: price.meter,
    unit: meterDefinition(price.meter)?.unit ?? 'ns',
    quantity,
    includedQuantity,
    billableQuantity: quantity - includedQuantity,
    amountPico: price.model.amountPico,
    perQuantity: price.model.perQuantity,
    grossPico,
    chargePico: grossPico,
    cap:
      price.capGroup === undefined || capPico === undefined
        ? null
        : {
            group: price.capGroup,
            capScopeId: assignment.capScopeId,
            capPico,
            groupGrossPico: grossPico,
            reached: false,
          },
    recordCount: charged.reduce((sum, total) => sum + total.recordCount, 0),
    uncut: charged.some((total) => total.uncut),
    provisional: charged.some((total) => total.provisional),
    sources:
      charged.length === 1 ? (charged[0] as UsageTotal).sources : charged.flatMap((total) => total.sources),
  };
}

/** What a quantity comes to under a model, given how much of the allowance is already used. */
function priceQuantity(
  model: PriceModel,
  quantity: bigint,
  allowanceUsed: bigint,
): { readonly includedQuantity: bigint; readonly grossPico: Ratio } {
  switch (model.kind) {
    case 'unit': {
      const free = model.includedQuantity > allowanceUsed ? model.includedQuantity - allowanceUsed : 0n;
      const includedQuantity = quantity < free ? quantity : free;
      return {
        includedQuantity,
        grossPico: ratio((quantity - includedQuantity) * model.amountPico, model.perQuantity),
      };
    }
  }
}

/** The cap in force per (scope, group): the dearest among the versions assigned in the period (B2). */
function capsByScope(input: PricingInput): ReadonlyMap<string, bigint> {
  const caps = new Map<string, bigint>();
  for (const assignments of input.assignments.values()) {
    for (const { capScopeId, planVersionId } of assignments) {
      for (const { group, monthlyCapPico } of input.plans.get(planVersionId)?.caps ?? []) {
        const key = joinKey(capScopeId, group);
        const known = caps.get(key);
        if (known === undefined || known < monthlyCapPico) caps.set(key, monthlyCapPico);
      }
    }
  }
  return caps;
}

function applyCaps(lines: readonly UsageLine[], caps: ReadonlyMap<string, bigint>): readonly UsageLine[] {
  const grossByKey = new Map<string, Ratio>();
  const capped = lines.filter((line) => line.cap !== null);
  for (const [key, group] of groupBy(capped, (line) => joinKey(line.capScopeId, line.cap?.group ?? ''))) {
    grossByKey.set(key, sumRatios(group.map((line) => line.grossPico)));
  }
  return lines.map((line) => {
    if (line.cap === null) return line;
    const key = joinKey(line.capScopeId, line.cap.group);
    const groupGrossPico = grossByKey.get(key) ?? line.grossPico;
    const capPico = caps.get(key) ?? line.cap.capPico;
    const reached = compareRatio(groupGrossPico, ratio(capPico)) > 0;
    const cap: CapEffect = { ...line.cap, capPico, groupGrossPico, reached };
    return { ...line, cap, chargePico: reached ? shareOfCap(line.grossPico, cap) : line.grossPico };
  });
}

/** gross x cap / groupGross: the capped lines add up to the cap exactly. */
function shareOfCap(grossPico: Ratio, cap: CapEffect): Ratio {
  const { num, den } = cap.groupGrossPico;
  return normaliseRatio(ratio(grossPico.num * cap.capPico * den, grossPico.den * num));
}

function groupBy<T>(entries: readonly T[], keyOf: (entry: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const entry of entries) {
    const key = keyOf(entry);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [entry]);
    else group.push(entry);
  }
  return groups;
}
