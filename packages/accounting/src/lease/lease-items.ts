import type { Ratio } from '../base/ratio.js';
import { ratio } from '../base/ratio.js';
import type { PlanVersion, Price } from '../catalog/plan.js';
import { chargesIn } from '../catalog/plan.js';
import type { PowerState } from '../catalog/power-state.js';
import type { RatedPeriod } from '../rating/charge-line.js';
import { slopePico } from '../rating/landing-reserve.js';
import type { LeaseItem } from './lease-draw.js';

/**
 * Design: one item per (meter, state) the plan charges. Its price is the steepest slope of the rater there: the
 * sum of the plan's own prices. Allowances go to the dearest use first, so a unit that takes one away from another
 * version never costs more than that; monthly caps only make the rater cheaper.
 * A price's remaining allowance is lent whole to the first state the resource can be in; other states pay money that
 * settlement gives back. So an allowance is never lent twice.
 */
export interface LeaseItemsInput {
  readonly resourceId: string;
  /** The version in force from the start of the series. */
  readonly plan: PlanVersion;
  /** States the resource can be in on this host, the usual one first. */
  readonly states: readonly PowerState[];
  /** The period rated with settled usage plus all slices on loan (see committedUsage): what is left may be lent. */
  readonly committed: RatedPeriod;
  /** Share of the remaining allowance to lend: 1/1 when the resource lives on one host. */
  readonly share?: Ratio;
}

export function leaseItems(input: LeaseItemsInput): readonly LeaseItem[] {
  const lent = new Set<string>();
  const items: LeaseItem[] = [];
  for (const meter of new Set(input.plan.prices.map((price) => price.meter))) {
    for (const state of input.states) {
      const prices = input.plan.prices.filter((price) => price.meter === meter && chargesIn(price, state));
      if (prices.length === 0) continue;
      const slope = slopePico(input.plan, meter, state);
      items.push({
        resourceId: input.resourceId,
        planVersionId: input.plan.planVersionId,
        meter,
        state,
        freeQuantity: sliceFor(prices, lent, input),
        priceNum: slope.num,
        priceDen: slope.den,
      });
    }
  }
  return items;
}

/** What of a price's allowance is neither used nor lent. */
export function remainingAllowance(committed: RatedPeriod, resourceId: string, price: Price): bigint {
  let used = 0n;
  for (const line of committed.lines) {
    if (line.kind !== 'usage' || line.resourceId !== resourceId) continue;
    if (line.item === price.item && line.meter === price.meter) used += line.includedQuantity;
  }
  return price.model.includedQuantity > used ? price.model.includedQuantity - used : 0n;
}

/** A unit is free only while it is free under every price it counts for; hence the smallest remaining allowance. */
function sliceFor(prices: readonly Price[], lent: Set<string>, input: LeaseItemsInput): bigint {
  const share = input.share ?? ratio(1n);
  let slice: bigint | undefined;
  for (const price of prices) {
    const remaining = lent.has(price.item)
      ? 0n
      : remainingAllowance(input.committed, input.resourceId, price);
    const offered = (remaining * share.num) / share.den;
    if (slice === undefined || offered < slice) slice = offered;
    lent.add(price.item);
  }
  return slice ?? 0n;
}
