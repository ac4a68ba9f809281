import type { GuestThen } from '../abi/guest.js';
import type { HypercallAnswer, HypercallName } from '../abi/hypercall.js';
import type { Timer } from '../time/timers.js';
import type { Domain } from './domain.js';
import { HypercallTrail } from './hypercall-trail.js';
import type { VcpuTimers } from './vcpu-timers.js';

export type Runstate = 'running' | 'runnable' | 'blocked' | 'offline';

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
  /** The name of the hypercall that `then` makes, read when it was priced. */
  calling: HypercallName | null = null;
  /** A hypercall under way: done in part, or done and not yet paid for. */
  hypercall: PendingHypercall | null = null;
  readonly trail = new HypercallTrail();

  /** Taken off line by the guest or the toolstack (VCPUOP_down); it never wants the CPU. */
  online: boolean;
  blocked = false;
  /** Waiting for its domain's cap budget. */
  parked = false;
  wakeTimer: Timer | null = null;
  /** Of its VIRQ_TIMER; null before the first is set. */
  timers: VcpuTimers | null = null;
  /** It has a context, from the builder or by VCPUOP_initialise, so that it can be brought up. */
  initialised: boolean;
  /** Its hypercall lets others go first. */
  yields = false;

  runstate: Runstate = 'offline';
  runstateSinceNs = 0n;
  readonly runstateNs: Record<Runstate, bigint> = { running: 0n, runnable: 0n, blocked: 0n, offline: 0n };
  /** When the runstate clock started; null before the incarnation opens. */
  bornNs: bigint | null = null;

  /** Whose run queue it joins: the one of its affinity. */
  queueId = 0;
  /** What it executed per unit of its weight, on the clock of its queue; less goes first. */
  key = 0;
  /** Executed since `key` was brought up to date. */
  unburnedNs = 0n;
  /** It woke with credit, and goes ahead of those that compute. */
  boosted = false;
  /** Since when it has not wanted the CPU; null while it does, or is parked. */
  asleepSinceNs: bigint | null = 0n;
  /** It waited for its domain's cap budget since it last waited for a pCPU. */
  cappedOut = false;
  /** Its place in its queue, or -1, and when it came, counted over all queues. */
  queueAt = -1;
  arrival = 0;
  /** The pCPU that executes it, or -1, and the one that did last. */
  runningOn = -1;
  home = 0;
  /** A driver domain's: it has worked for others since it last slept. */
  served = false;
  /** It gave the CPU away by itself, and has paid for coming back. */
  returnPaid = false;

  constructor(
    readonly domain: Domain,
    readonly id: number,
    /** Built with a context and on line; otherwise its domain does both. */
    begins = true,
  ) {
    this.initialised = begins;
    this.online = begins;
  }

  get wantsCpu(): boolean {
    return this.online && !this.blocked && !this.parked && this.domain.mayRun;
  }
}
