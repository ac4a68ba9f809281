import type { HypercallAnswer } from '../abi/hypercall.js';
import type { ShutdownReason } from '../abi/power.js';
import type { Domain } from '../domain/domain.js';
import type { Vcpu } from '../domain/vcpu.js';
import type { VcpuTimers } from '../domain/vcpu-timers.js';
import type { Scheduler } from '../sched/scheduler.js';
import type { Arguments } from './arguments.js';
import type { DomainControl } from './domain-control.js';

/** What hypercalls may do to the machine. */
export interface HypercallHost {
  readonly nowNs: bigint;
  readonly sched: Scheduler;
  readonly domains: ReadonlyMap<number, Domain>;
  /** The toolstack, for the privileged. */
  readonly control: DomainControl;
  readonly stats: { hypercalls: number; eventsSent: number };
  /** `sched_op` watchdog; see `Watchdogs.set`. */
  readonly watchdogs: { set(domain: Domain, id: number, timeoutS: number): number };
  /** The vCPU sleeps until it is woken, or at the latest at `untilNs`; false when that has come. */
  sleep(vcpu: Vcpu, untilNs: bigint | null): boolean;
  /** The VIRQ_TIMER of a vCPU. */
  timersOf(vcpu: Vcpu): VcpuTimers;
  shutDown(domain: Domain, reason: ShutdownReason): void;
}

/** One hypercall under way: who called, and what it has cost so far. */
export interface HypercallContext {
  readonly host: HypercallHost;
  readonly vcpu: Vcpu;
  readonly domain: Domain;
  /** Adds to what the caller pays before it goes on, beside the call's entry and base cost. */
  spend(costNs: bigint): void;
}

/**
 * A long operation: it yields after each chunk, and goes on when the caller has paid what the chunk spent; meanwhile
 * the caller may be preempted, paused or destroyed (then it never goes on). Between two yields it must leave
 * everything consistent, and it must look again at whatever it found before a yield.
 */
export type Continuation = Generator<undefined, HypercallAnswer, undefined>;

/** Does one hypercall. Throws nothing but `Fault`, and that only before it changes anything in this chunk. */
export type HypercallHandler = (context: HypercallContext, call: Arguments) => HypercallAnswer | Continuation;

export function isContinuation(answer: HypercallAnswer | Continuation): answer is Continuation {
  return typeof answer === 'object' && 'next' in answer;
}
