import type { ErrnoName } from '../abi/errno.js';
import type { DomId } from '../abi/guest.js';
import type { PauseCause, PowerState, ShutdownReason } from '../abi/power.js';
import type { MeterReading } from '../meter/reading.js';
import type { CrashRecord } from './lifecycle/crash-record.js';

/**
 * What happened, in order. Readings in events are cuts: taken exactly at `atNs`, with the values up to that instant
 * and the state from then on.
 */
export type HostEvent =
  | { type: 'domain.created'; atNs: bigint; domId: DomId; id: string; name: string }
  /** Charging of a domain begins: its first unpause. */
  | { type: 'incarnation.opened'; atNs: bigint; domId: DomId | null; id: string; reading: MeterReading }
  | {
      type: 'domain.state';
      atNs: bigint;
      domId: DomId;
      id: string;
      state: PowerState;
      cause: PauseCause | ShutdownReason;
      reading: MeterReading;
    }
  | { type: 'domain.resized'; atNs: bigint; domId: DomId; id: string; reading: MeterReading }
  | { type: 'domain.shutdown'; atNs: bigint; domId: DomId; id: string; reason: 'poweroff' | 'reboot' }
  /** Also when its watchdog ended it; `facts` say why. */
  | {
      type: 'domain.crashed';
      atNs: bigint;
      domId: DomId;
      id: string;
      message: string;
      facts: CrashRecord;
    }
  | { type: 'domain.destroyed'; atNs: bigint; domId: DomId; id: string }
  /** Nobody refers to a frame of a destroyed domain any more; its number is free. */
  | { type: 'domain.dead'; atNs: bigint; domId: DomId; id: string }
  /** The host built a domain again that had ended, as its configuration says. */
  | {
      type: 'domain.restarted';
      atNs: bigint;
      domId: DomId;
      id: string;
      fromDomId: DomId;
      reason: ShutdownReason;
      /** How many lives in a row were short. */
      shortLives: number;
    }
  /** It should have, and did not. */
  | {
      type: 'domain.restart_refused';
      atNs: bigint;
      domId: DomId;
      id: string;
      errno: ErrnoName;
      detail: string;
    }
  /** An ended domain is kept under another name and id, without its devices. */
  | { type: 'domain.renamed'; atNs: bigint; domId: DomId; id: string; fromId: string; name: string }
  /** The last reading of a domain's or volume's life. */
  | { type: 'incarnation.closed'; atNs: bigint; domId: DomId | null; id: string; reading: MeterReading }
  | { type: 'volume.opened'; atNs: bigint; id: string }
  | { type: 'volume.closed'; atNs: bigint; id: string }
  | { type: 'allowance.warned'; atNs: bigint; allowanceId: string; drawn: bigint; balance: bigint }
  | {
      type: 'allowance.exhausted';
      atNs: bigint;
      allowanceId: string;
      drawn: bigint;
      balance: bigint;
      /** What was done to the running members. */
      policy: 'warn' | 'throttle' | 'pause';
      domIds: DomId[];
      ids: string[];
    }
  /** A step of the ladder before the last lowered the cap of the members. */
  | {
      type: 'allowance.throttled';
      atNs: bigint;
      allowanceId: string;
      drawn: bigint;
      balance: bigint;
      at: bigint;
      capPercent: number;
      domIds: DomId[];
      ids: string[];
    }
  /** A period has ended. `drawn` is what was drawn in it, acts in flight at its end included. */
  | {
      type: 'allowance.renewed';
      atNs: bigint;
      allowanceId: string;
      drawn: bigint;
      balance: bigint;
      /** When the period that has begun ends; null when the owner will say so. */
      nextNs: bigint | null;
    }
  | {
      type: 'allowance.resumed';
      atNs: bigint;
      allowanceId: string;
      drawn: bigint;
      balance: bigint;
      domIds: DomId[];
      ids: string[];
    };
