import type { Meter } from '../meter/vector.js';
import type { Timer } from '../time/timers.js';
import { AllowanceItem } from './allowance-item.js';
import type { AllowanceSpec, AllowanceStatus, AllowanceStep, AllowanceWeight } from './allowance-spec.js';
import { Burn } from './burn.js';
import { ladderOf } from './policy-ladder.js';

/** The timers of one allowance, made by whoever acts when they are due. */
export interface AllowanceTimers {
  /** When the next step may be reached. */
  step: Timer;
  renewal: Timer;
}

/** One balance at work: its items, how far up its ladder it is, and when it is renewed. */
export class Allowance {
  items: AllowanceItem[] = [];
  ladder: AllowanceStep[];
  members: ReadonlySet<string>;
  /** Drawn in this period by weights that are no longer in force. */
  carried = 0n;
  /** Steps of the ladder that were reached. */
  stepsReached = 0;
  /** The place of the last renewal in the order of acts and renewals. */
  renewedAt = 0;
  readonly burn: Burn;

  constructor(
    public spec: AllowanceSpec,
    readonly timers: AllowanceTimers,
    sharedRateOf: (meter: Meter) => bigint | null,
  ) {
    this.ladder = ladderOf(spec);
    this.members = new Set(spec.members);
    this.burn = new Burn(sharedRateOf);
  }

  get exhausted(): boolean {
    return this.stepsReached === this.ladder.length;
  }

  get state(): AllowanceStatus['state'] {
    if (this.exhausted) return 'exhausted';
    return this.stepsReached > 0 ? 'warned' : 'open';
  }

  /** The step that comes next; null when there is none. */
  get nextStep(): AllowanceStep | null {
    return this.ladder[this.stepsReached] ?? null;
  }

  /** What no act may carry it beyond; null when it does not pause. */
  get pauseAt(): bigint | null {
    const last = this.ladder.at(-1) as AllowanceStep;
    return last.act === 'pause' ? last.at : null;
  }

  get drawn(): bigint {
    return this.items.reduce((sum, item) => sum + item.drawn, this.carried);
  }

  /** Drawn plus the price of what is in flight. */
  get committed(): bigint {
    return this.items.reduce((sum, item) => sum + item.priceOf(item.consumed + item.inFlight), this.carried);
  }

  /**
   * Puts new weights in force; those of the same resource, meter and state go on counting, at new terms from now when
   * the terms differ; what the others drew is carried. The items must have been settled.
   */
  replaceItems(weights: readonly AllowanceWeight[]): { created: AllowanceItem[]; dropped: AllowanceItem[] } {
    const old = new Map(this.items.map((item) => [keyOf(item.weight), item]));
    const created: AllowanceItem[] = [];
    this.items = weights.map((weight) => {
      const key = keyOf(weight);
      const kept = old.get(key);
      if (kept === undefined) {
        const item = new AllowanceItem(weight);
        created.push(item);
        return item;
      }
      old.delete(key);
      if (!sameTerms(kept.weight, weight)) kept.changeTerms(weight);
      return kept;
    });
    for (const gone of old.values()) {
      this.carried += gone.drawn;
      gone.dropped = true;
    }
    return { created, dropped: [...old.values()] };
  }

  status(): AllowanceStatus {
    const { drawn, spec, timers, stepsReached } = this;
    return {
      id: spec.id,
      balance: spec.balance,
      drawn,
      inFlight: this.committed - drawn,
      state: this.state,
      policy: (this.ladder.at(-1) as AllowanceStep).act,
      stepsReached,
      nextRenewalNs: timers.renewal.position < 0 ? null : timers.renewal.dueNs,
    };
  }
}

function keyOf(w: AllowanceWeight): string {
  return `${w.resourceId}|${w.meter}|${w.state}`;
}

function sameTerms(a: AllowanceWeight, b: AllowanceWeight): boolean {
  return a.numerator === b.numerator && a.denominator === b.denominator && a.free === b.free;
}
