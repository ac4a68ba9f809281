import { ceilDiv, minOf } from '../base/bigint-math.js';
import type { Meter } from '../meter/vector.js';
import { type AllowanceItem, PRICE_SCALE } from './allowance-item.js';

/** A sum of straight lines: at t it has grown by slope * t - offset. */
interface Growth {
  slope: bigint;
  offset: bigint;
}

/** Growth of a meter of which a host can only give so much per nanosecond to all its domains together. */
interface SharedGrowth extends Growth {
  /** Units per nanosecond over all resources. */
  rate: bigint;
  /** The highest price of one unit among the items since the last full look. */
  dearest: bigint;
}

/**
 * Design: running sums over the items of one allowance, from which an upper bound of what is committed at any later
 * instant follows without looking at an item. Each item stands in them with its exact price when it was looked at last
 * and the steepest line from there; an item that changed is taken out and put in again.
 * Invariants: `upperAt(t)` is not less than what is committed at t, as long as every item whose rate changed was put in
 * again; just after a full look it exceeds it by the number of growing items at most.
 * Units: the allowance's; slopes in fixed point per nanosecond.
 */
export class Burn {
  /** Exact at the instants at which the items were looked at; acts are in it at once. */
  committed = 0n;
  /** When every item was looked at. */
  fullLookNs = 0n;
  private growing = 0n;
  private readonly own: Growth = { slope: 0n, offset: 0n };
  private readonly shared = new Map<Meter, SharedGrowth>();

  constructor(private readonly sharedRateOf: (meter: Meter) => bigint | null) {}

  /** Forgets everything; `carried` is what no item stands for. */
  restart(carried: bigint, nowNs: bigint): void {
    this.committed = carried;
    this.fullLookNs = nowNs;
    this.growing = 0n;
    this.own.slope = 0n;
    this.own.offset = 0n;
    this.shared.clear();
  }

  put(item: AllowanceItem): void {
    this.committed += item.committed;
    if (item.slope === 0n) return;
    this.growing += 1n;
    const growth = this.growthOf(item.weight.meter);
    growth.slope += item.slope;
    growth.offset += item.slope * item.lookedAtNs;
    if ('dearest' in growth && item.unitPrice > growth.dearest) growth.dearest = item.unitPrice;
  }

  take(item: AllowanceItem): void {
    this.committed -= item.committed;
    if (item.slope === 0n) return;
    this.growing -= 1n;
    const growth = this.growthOf(item.weight.meter);
    growth.slope -= item.slope;
    growth.offset -= item.slope * item.lookedAtNs;
  }

  upperAt(nowNs: bigint): bigint {
    // Each growing item is rounded up by less than one, which the number of them stands for.
    return this.committed + this.growing + (this.grownAt(nowNs) >> PRICE_SCALE);
  }

  /**
   * The earliest instant at which `upperAt` can reach `amount`; null when never. Not after the true one, because the
   * bound bends only downwards.
   */
  reachesNs(amount: bigint, nowNs: bigint): bigint | null {
    const left = amount - this.committed - this.growing;
    const missing = (left << PRICE_SCALE) - this.grownAt(nowNs);
    if (missing <= 0n) return nowNs;
    let { slope } = this.own;
    for (const g of this.shared.values()) {
      const { each, all } = this.boundsOf(g, nowNs);
      const together = g.rate * g.dearest;
      slope += each < all ? g.slope : all < each ? together : minOf(g.slope, together);
    }
    return slope === 0n ? null : nowNs + ceilDiv(missing, slope);
  }

  private grownAt(nowNs: bigint): bigint {
    let grown = this.own.slope * nowNs - this.own.offset;
    for (const g of this.shared.values()) {
      const { each, all } = this.boundsOf(g, nowNs);
      grown += minOf(each, all);
    }
    return grown;
  }

  /** Two bounds of what shared items have grown: each as fast as it can, and all at the host's rate since the full look. */
  private boundsOf(g: SharedGrowth, nowNs: bigint): { each: bigint; all: bigint } {
    return {
      each: g.slope * nowNs - g.offset,
      all: g.rate * g.dearest * (nowNs - this.fullLookNs),
    };
  }

  private growthOf(meter: Meter): Growth | SharedGrowth {
    const found = this.shared.get(meter);
    if (found !== undefined) return found;
    const rate = this.sharedRateOf(meter);
    if (rate === null) return this.own;
    const shared: SharedGrowth = { slope: 0n, offset: 0n, rate, dearest: 0n };
    this.shared.set(meter, shared);
    return shared;
  }
}
