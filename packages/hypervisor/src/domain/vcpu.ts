import type { GuestThen } from '../abi/guest.js';
import type { HypercallAnswer } from '../abi/hypercall.js';
import type { Timer } from '../time/timers.js';
import type { Domain } from './domain.js';

export type Runstate = 'running' | 'runnable' | 'blocked' | 'offline';

/** Credit priorities, best first. */
export const PRIORITY = { BOOST: 0, UNDER: 1, OVER: 2 } as const;
export type Priority = (typeof PRIORITY)[keyof typeof PRIORITY];

/** `next` goes on with what is left of a long hypercall; undefined while there is more. */
export interface PendingHypercall {
  next(): HypercallAnswer | undefined;
}

/**
 * One virtual CPU: what it has still to execute, its runstate clock, and its place in the scheduler.
 * Invariant: running + runnable + blocked + offline = its age, where age counts from the opening of the incarnation.
 */
export class Vcpu {
  /** Work already declared by the guest and not executed yet. */
  pendingNs = 0n;
  /** What its last hypercall spent and has still to be paid. */
  owedNs = 0n;
  onBehalfOf: number | null = null;
  then: GuestThen = { do: 'continue' };
  entry: HypercallAnswer | undefined = undefined;
  /** A hypercall under way: done in part, or done and not yet paid for. */
  hypercall: PendingHypercall | null = null;

  blocked = false;
  /** Waiting for its domain's cap budget. */
  parked = false;
  wakeTimer: Timer | null = null;

  runstate: Runstate = 'offline';
  runstateSinceNs = 0n;
  readonly runstateNs: Record<Runstate, bigint> = { running: 0n, runnable: 0n, blocked: 0n, offline: 0n };
  /** When the runstate clock started; null before the incarnation opens. */
  bornNs: bigint | null = null;

  /** Credits in ns of CPU; Xen's 300 credits per slice are 30 ms here. */
  creditNs = 0;
  priority: Priority = PRIORITY.UNDER;
  active = false;
  /** When it executed last, and up to when its credit is counted while it is not active. */
  lastRanNs = 0n;
  leftNs = 0n;
  /** The pCPU that executes it, or -1. */
  runningOn = -1;
  /** The pCPU it ran on last, and whose queue it joins. */
  home = 0;
  queued = false;
  next: Vcpu | null = null;
  previous: Vcpu | null = null;

  constructor(
    readonly domain: Domain,
    readonly id: number,
  ) {}

  get wantsCpu(): boolean {
    return !this.blocked && !this.parked && this.domain.mayRun;
  }
}
