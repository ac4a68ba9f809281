import type { PowerState } from '../abi/power.js';
import type { Meter } from '../meter/vector.js';

export type AllowancePolicy = 'warn' | 'throttle' | 'pause';

/** What one meter of one resource draws: ceil(max(0, consumed - free) * numerator / denominator). */
export interface AllowanceWeight {
  /** The id of a domain or volume, open now or later. */
  resourceId: string;
  meter: Meter;
  /** Only what arises in this power state, or all of it. */
  state: PowerState | 'any';
  numerator: bigint;
  denominator: bigint;
  /** A quantity that draws nothing, in the meter's unit. */
  free: bigint;
}

/** A unit-free balance that members draw down as they use resources. */
export interface AllowanceSpec {
  id: string;
  /** Domains and volumes by the owner's ids; the policy acts on its domains. */
  members: readonly string[];
  /** The total authorised since the allowance was first set; drawn is kept when it is set again. */
  balance: bigint;
  weights: readonly AllowanceWeight[];
  policy: AllowancePolicy;
  /** Warn once when drawn reaches this. */
  warnAt?: bigint;
}

export interface AllowanceStatus {
  id: string;
  balance: bigint;
  drawn: bigint;
  /** The price of admitted I/O that has not finished. */
  inFlight: bigint;
  state: 'open' | 'warned' | 'exhausted';
  policy: AllowancePolicy;
}
