import { ceilDiv, maxOf } from '../base/bigint-math.js';
import type { Incarnation } from '../meter/incarnation.js';
import { isMeterOf } from '../meter/vector.js';
import type { Timer } from '../time/timers.js';
import type { AllowanceSpec, AllowanceStatus, AllowanceWeight } from './allowance-spec.js';

/** One weight at work: what its resource consumed since the weight was set, over all incarnations. */
export class AllowanceItem {
  private earlier = 0n;
  private base = 0n;
  private incarnation: Incarnation | null = null;
  /** Admitted and not finished, in the meter's unit. */
  inFlight = 0n;

  constructor(readonly weight: AllowanceWeight) {}

  /** Counts `incarnation` from its present value, or from 0 when it has just been opened. */
  follow(incarnation: Incarnation, fromNow: boolean): void {
    // A weight that names a meter its resource does not have draws nothing.
    if (!isMeterOf(incarnation.kind, this.weight.meter)) return;
    this.incarnation = incarnation;
    this.base = fromNow ? incarnation.consumed(this.weight.meter, this.weight.state) : 0n;
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
    return this.earlier + this.incarnation.consumed(this.weight.meter, this.weight.state) - this.base;
  }

  priceOf(quantity: bigint): bigint {
    const { free, numerator, denominator } = this.weight;
    return ceilDiv(maxOf(0n, quantity - free) * numerator, denominator);
  }

  get drawn(): bigint {
    return this.priceOf(this.consumed);
  }

  get committed(): bigint {
    return this.priceOf(this.consumed + this.inFlight);
  }
}

/** What is known since the last full evaluation, so that an act costs no full evaluation. */
export interface Outlook {
  atNs: bigint;
  headroom: bigint;
  /** How long the headroom lasts at the highest possible burn; null when nothing burns. */
  lastsNs: bigint | null;
  /** Price of the acts admitted since. */
  acts: bigint;
}

export class Allowance {
  items: AllowanceItem[] = [];
  /** Drawn by weights that are no longer in force. */
  carried = 0n;
  exhausted = false;
  warned = false;
  outlook: Outlook = { atNs: 0n, headroom: 0n, lastsNs: 0n, acts: 0n };

  constructor(
    public spec: AllowanceSpec,
    readonly timer: Timer,
  ) {}

  get drawn(): bigint {
    return this.items.reduce((sum, item) => sum + item.drawn, this.carried);
  }

  get committed(): bigint {
    return this.items.reduce((sum, item) => sum + item.committed, this.carried);
  }

  /** Puts new weights in force; unchanged ones go on counting, what the others drew is carried. */
  replaceItems(weights: readonly AllowanceWeight[]): AllowanceItem[] {
    const old = new Map(this.items.map((item) => [keyOf(item.weight), item]));
    const created: AllowanceItem[] = [];
    this.items = weights.map((weight) => {
      const key = keyOf(weight);
      const kept = old.get(key);
      if (kept !== undefined) {
        old.delete(key);
        return kept;
      }
      const item = new AllowanceItem(weight);
      created.push(item);
      return item;
    });
    for (const gone of old.values()) this.carried += gone.drawn;
    return created;
  }

  status(): AllowanceStatus {
    const drawn = this.drawn;
    return {
      id: this.spec.id,
      balance: this.spec.balance,
      drawn,
      inFlight: this.committed - drawn,
      state: this.exhausted ? 'exhausted' : this.warned ? 'warned' : 'open',
      policy: this.spec.policy,
    };
  }
}

function keyOf(w: AllowanceWeight): string {
  return `${w.resourceId}|${w.meter}|${w.state}|${w.numerator}|${w.denominator}|${w.free}`;
}

/**
 * How long `headroom` lasts when each item grows at `rates[i]` per ns. Exact for the piecewise linear price (free
 * quantities end one after the other), rounded down, and each item's own rounding is taken off first.
 * Null when it lasts for ever.
 */
export function headroomLastsNs(
  headroom: bigint,
  items: readonly AllowanceItem[],
  rates: readonly bigint[],
): bigint | null {
  const scale = 64n;
  const starts: { afterNs: bigint; slope: bigint }[] = [];
  items.forEach((item, i) => {
    const rate = rates[i] as bigint;
    const { free, numerator, denominator } = item.weight;
    if (rate === 0n || numerator === 0n) return;
    const unpriced = maxOf(0n, free - item.consumed - item.inFlight);
    starts.push({ afterNs: unpriced / rate, slope: ceilDiv((rate * numerator) << scale, denominator) });
  });
  if (starts.length === 0) return null;
  starts.sort((a, b) => (a.afterNs < b.afterNs ? -1 : a.afterNs > b.afterNs ? 1 : 0));
  let left = maxOf(0n, headroom - BigInt(starts.length)) << scale;
  let slope = 0n;
  let atNs = 0n;
  for (const start of starts) {
    const spent = slope * (start.afterNs - atNs);
    if (spent >= left) break;
    left -= spent;
    atNs = start.afterNs;
    slope += start.slope;
  }
  return slope === 0n ? atNs : atNs + left / slope;
}
