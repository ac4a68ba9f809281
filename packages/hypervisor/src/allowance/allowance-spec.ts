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
  /** A quantity that draws nothing, in the meter's unit; in each period anew where the allowance is renewed. */
  free: bigint;
}

/** What is done to the domains of an allowance when drawn plus what is in flight reaches `at`. */
export type AllowanceStep =
  | { at: bigint; act: 'warn' }
  /** Percent of one pCPU, 1 to 100, for each member domain. */
  | { at: bigint; act: 'throttle'; capPercent: number }
  | { at: bigint; act: 'pause' };

/** When what was drawn is forgotten and a new period begins. */
export interface AllowanceRenewal {
  /** Host time of the next renewal; one that has passed is the next of its series, when there is a series. */
  nextNs: bigint;
  /** Length of the following periods, at least 1 ms; null when the owner sets each renewal itself (months). */
  everyNs: bigint | null;
}

/** A unit-free balance that members draw down as they use resources. */
export interface AllowanceSpec {
  id: string;
  /** Domains and volumes by the owner's ids; the policy acts on its domains. */
  members: readonly string[];
  /** The total authorised since the allowance was first set or renewed; drawn is kept when it is set again. */
  balance: bigint;
  weights: readonly AllowanceWeight[];
  /** Short form of `steps`: what is done at the balance. */
  policy?: AllowancePolicy;
  /** Short form of `steps`: a warning before that. */
  warnAt?: bigint;
  /** The whole policy ladder, in ascending order; the last step is at the balance, and nothing follows a pause. */
  steps?: readonly AllowanceStep[];
  renewal?: AllowanceRenewal;
}

export interface AllowanceStatus {
  id: string;
  balance: bigint;
  drawn: bigint;
  /** The price of admitted I/O that has not finished. */
  inFlight: bigint;
  /** `warned` when a step before the last was reached, `exhausted` when the last was. */
  state: 'open' | 'warned' | 'exhausted';
  /** What is done at the balance. */
  policy: AllowancePolicy;
  /** How many steps of the ladder were reached. */
  stepsReached: number;
  nextRenewalNs: bigint | null;
}
