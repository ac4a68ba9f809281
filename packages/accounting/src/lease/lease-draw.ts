import type { Ratio } from '../base/ratio.js';
import { ceilRatio, ratio, sumRatios } from '../base/ratio.js';

/**
 * Design: a lease is money a host may still spend for a tenant, in cumulative form (C3). A series starts at a cut; from
 * then on the host compares what its domains consumed in all since the start with one growing authorised total, so a
 * lost, repeated or late renewal can only make it spend less, never more.
 * Invariants: drawn never falls while consumption grows; the exact draw is never above the drawn the host computes.
 * Units: quantities in the meter's base unit, money in pico.
 */
export interface LeaseItem {
  readonly resourceId: string;
  readonly planVersionId: string;
  readonly meter: string;
  readonly state: string;
  /** Slice of the included allowance lent to this series: free until consumption passes it. */
  readonly freeQuantity: bigint;
  /** Steepest price of one unit beyond the slice, as a fraction of pico. */
  readonly priceNum: bigint;
  readonly priceDen: bigint;
}

/** One lease series of (tenant, host, epoch); its terms never change, only `authorisedPico` rises. */
export interface LeaseSeries {
  readonly seriesId: string;
  readonly items: readonly LeaseItem[];
  /** All the host may draw since the start of the series. */
  readonly authorisedPico: bigint;
}

/** What the host counts: the sum over items of ceil(max(0, consumed - free) x price). `consumed` follows `items`. */
export function drawnPico(items: readonly LeaseItem[], consumed: readonly bigint[]): bigint {
  let drawn = 0n;
  items.forEach((item, place) => {
    drawn += ceilRatio(excessPrice(item, consumed[place] ?? 0n));
  });
  return drawn;
}

/** The same without rounding; what settlement gives back to the budget. */
export function exactDrawnPico(items: readonly LeaseItem[], consumed: readonly bigint[]): Ratio {
  return sumRatios(items.map((item, place) => excessPrice(item, consumed[place] ?? 0n)));
}

/** How much more of one item fits into an amount of money: the exhaustion point of a host's allowance. */
export function quantityThatFits(item: LeaseItem, consumed: bigint, amountPico: bigint): bigint | null {
  if (item.priceNum === 0n) return null;
  const already = ceilRatio(excessPrice(item, consumed));
  const paid = ((already + (amountPico > 0n ? amountPico : 0n)) * item.priceDen) / item.priceNum;
  const until = item.freeQuantity + paid;
  return until > consumed ? until - consumed : 0n;
}

function excessPrice(item: LeaseItem, consumed: bigint): Ratio {
  const excess = consumed > item.freeQuantity ? consumed - item.freeQuantity : 0n;
  return ratio(excess * item.priceNum, item.priceDen);
}
