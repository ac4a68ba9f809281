import { ceilDiv, maxOf } from '../base/bigint-math.js';
import type { Incarnation } from '../meter/incarnation.js';
import { isMeterOf } from '../meter/vector.js';
import type { Timer } from '../time/timers.js';
import type { AllowanceWeight } from './allowance-spec.js';

/** Fixed point of prices per unit and per nanosecond. */
export const PRICE_SCALE = 64n;

/**
 * One weight at work: what its resource consumed in this period since the weight was set, over all incarnations, and
 * what that drew.
 * Invariants: drawn = what earlier terms drew + ceil(max(0, consumed - max(free, consumed at the change of terms)) *
 * numerator / denominator). A change of terms or of the period loses and repeats nothing.
 */
export class AllowanceItem {
  private incarnation: Incarnation | null = null;
  /** Consumed in incarnations that are closed. */
  private earlier = 0n;
  /** The meter of the open incarnation when counting began. */
  private base = 0n;
  /** What earlier terms drew, and how much had been consumed when the present ones came. */
  private drawnBefore = 0n;
  private consumedBefore = 0n;
  /** Admitted and not finished, in the meter's unit. */
  inFlight = 0n;
  /** Its weight is not in force any more. */
  dropped = false;
  /** Counts renewals, so that an act of an earlier period is known as one. */
  period = 0;

  /** What the running sums hold of it: drawn plus in flight when it was looked at, and its growth since. */
  committed = 0n;
  slope = 0n;
  lookedAtNs = 0n;
  /** When its free quantity may have been used up. */
  freeEnds: Timer | null = null;

  constructor(public weight: AllowanceWeight) {}

  /** Counts `incarnation` from its present value, or from 0 when it has just been opened. */
  follow(incarnation: Incarnation, fromNow: boolean): void {
    // A weight that names a meter its resource does not have draws nothing.
    if (!isMeterOf(incarnation.kind, this.weight.meter)) return;
    this.incarnation = incarnation;
    this.base = fromNow ? this.metered(incarnation) : 0n;
  }

  unfollow(): void {
    this.earlier = this.consumed;
    this.base = 0n;
    this.incarnation = null;
  }

  get resource(): Incarnation | null {
    return this.incarnation;
  }

  get consumed(): bigint {
    if (this.incarnation === null) return this.earlier;
    return this.earlier + this.metered(this.incarnation) - this.base;
  }

  get drawn(): bigint {
    return this.priceOf(this.consumed);
  }

  /** What a total of `quantity` draws. */
  priceOf(quantity: bigint): bigint {
    const { numerator, denominator } = this.weight;
    const priced = maxOf(0n, quantity - this.firstPriced);
    return this.drawnBefore + ceilDiv(priced * numerator, denominator);
  }

  /** How much more draws nothing, acts in flight taken off. */
  get freeLeft(): bigint {
    return maxOf(0n, this.firstPriced - this.consumed - this.inFlight);
  }

  /** Price of one unit beyond what is free, in fixed point, rounded up. */
  get unitPrice(): bigint {
    return ceilDiv(this.weight.numerator << PRICE_SCALE, this.weight.denominator);
  }

  /** Puts other terms in force from now on: what was drawn stays drawn, what was consumed has used up what is free. */
  changeTerms(weight: AllowanceWeight): void {
    const { consumed } = this;
    this.drawnBefore = this.priceOf(consumed);
    this.consumedBefore = consumed;
    this.weight = weight;
  }

  /** Begins a new period: nothing is consumed, drawn or in flight in it yet. */
  renew(): void {
    this.earlier = 0n;
    this.base = this.incarnation === null ? 0n : this.metered(this.incarnation);
    this.drawnBefore = 0n;
    this.consumedBefore = 0n;
    this.inFlight = 0n;
    this.period += 1;
  }

  /** Leaves `quantity`, just metered, out of this period. */
  skip(quantity: bigint): void {
    if (this.incarnation !== null) this.base += quantity;
  }

  /** Whether what a resource now does in its power state counts for this weight. */
  countsNow(): boolean {
    const { state } = this.weight;
    return this.incarnation !== null && (state === 'any' || state === this.incarnation.state);
  }

  private get firstPriced(): bigint {
    return maxOf(this.weight.free, this.consumedBefore);
  }

  private metered(incarnation: Incarnation): bigint {
    return incarnation.consumed(this.weight.meter, this.weight.state);
  }
}
