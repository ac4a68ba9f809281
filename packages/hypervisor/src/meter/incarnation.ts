import { assert } from '../base/assert.js';
import { POWER_STATES, type PowerState } from '../abi/power.js';
import { METERS, type Meter, meterIndex, type ResourceKind } from './vector.js';

/**
 * Design: the meter bank of one life of a domain or volume. Each quantity is banked under the power state in which it
 * arose, so that prices per state need no sampling. Level meters (memory, space, state) are a constant level times
 * elapsed time: they are added when the level or the state changes and when somebody looks, never by a tick.
 * Invariants: values only grow; after `accrue(now)` every level meter is exact at `now`; nothing is added once closed.
 * Units: as the meter's name ends.
 */
export class Incarnation {
  private readonly totals: bigint[];
  private readonly byState = new Map<PowerState, bigint[]>();
  private current: bigint[];
  private readonly levels = new Map<number, bigint>();
  private accruedNs: bigint;
  state: PowerState;
  closedNs: bigint | null = null;

  constructor(
    /** Counts up from 1 on one host; never used twice. */
    readonly serial: number,
    readonly kind: ResourceKind,
    /** The id of the domain or volume, chosen by the owner; survives incarnations. */
    readonly resourceId: string,
    readonly openedNs: bigint,
    state: PowerState,
  ) {
    this.totals = METERS[kind].map(() => 0n);
    for (const s of POWER_STATES)
      this.byState.set(
        s,
        METERS[kind].map(() => 0n),
      );
    this.state = state;
    this.current = this.byState.get(state) as bigint[];
    this.accruedNs = openedNs;
  }

  add(meter: Meter, quantity: bigint): void {
    assert(this.closedNs === null, () => `${meter} added to closed incarnation ${this.serial}`);
    assert(quantity >= 0n, () => `${meter} of incarnation ${this.serial} would fall by ${-quantity}`);
    const index = meterIndex(meter);
    this.totals[index] = (this.totals[index] as bigint) + quantity;
    this.current[index] = (this.current[index] as bigint) + quantity;
  }

  /** Sets how much a level meter grows per nanosecond from `nowNs` on. */
  setLevel(meter: Meter, level: bigint, nowNs: bigint): void {
    this.accrue(nowNs);
    if (level === 0n) this.levels.delete(meterIndex(meter));
    else this.levels.set(meterIndex(meter), level);
  }

  level(meter: Meter): bigint {
    return this.levels.get(meterIndex(meter)) ?? 0n;
  }

  /** From `nowNs` on, quantities are banked under `state`. */
  setState(state: PowerState, nowNs: bigint): void {
    this.accrue(nowNs);
    this.state = state;
    this.current = this.byState.get(state) as bigint[];
    if (this.kind !== 'domain') return;
    this.setLevel('state.running.ns', state === 'running' ? 1n : 0n, nowNs);
    this.setLevel('state.paused.ns', state === 'paused' ? 1n : 0n, nowNs);
  }

  accrue(nowNs: bigint): void {
    const elapsedNs = nowNs - this.accruedNs;
    if (elapsedNs === 0n) return;
    assert(elapsedNs > 0n, 'level meters went back in time');
    for (const [index, level] of this.levels) {
      this.totals[index] = (this.totals[index] as bigint) + level * elapsedNs;
      this.current[index] = (this.current[index] as bigint) + level * elapsedNs;
    }
    this.accruedNs = nowNs;
  }

  total(meter: Meter): bigint {
    return this.totals[meterIndex(meter)] as bigint;
  }

  /** What arose in one power state, or in all of them. */
  consumed(meter: Meter, state: PowerState | 'any'): bigint {
    if (state === 'any') return this.total(meter);
    return (this.byState.get(state) as bigint[])[meterIndex(meter)] as bigint;
  }

  values(): bigint[] {
    return this.totals.slice();
  }

  close(nowNs: bigint): void {
    this.accrue(nowNs);
    this.levels.clear();
    this.closedNs = nowNs;
  }
}
