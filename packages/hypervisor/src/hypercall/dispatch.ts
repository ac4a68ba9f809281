import { CPU_MODEL } from '../abi/cpu-model.js';
import { ERRNO } from '../abi/errno.js';
import { type HypercallAnswer, type HypercallName, returnCode } from '../abi/hypercall.js';
import type { TrailEntry } from '../domain/hypercall-trail.js';
import { Arguments, faultErrno } from './arguments.js';
import {
  type Continuation,
  type HypercallContext,
  type HypercallHandler,
  isContinuation,
} from './context.js';
import { consoleIo } from './console-io.js';
import { domctl, sysctl } from './domctl.js';
import { eventChannelOp } from './event-channel-op.js';
import { grantTableOp } from './grant-table-op.js';
import { memoryOp } from './memory-op.js';
import { mmuextOp, mmuUpdate, updateVaMapping } from './mmu-ops.js';
import { multicall } from './multicall.js';
import { schedOp } from './sched-op.js';
import { setTimerOp } from './set-timer-op.js';
import { vcpuOp } from './vcpu-op.js';
import { xenVersion } from './xen-version.js';

/** The one table of what guests may call. */
const HANDLERS: Record<HypercallName, HypercallHandler> = {
  multicall: (context, call) => multicall(context, call, dispatchEntry),
  xen_version: xenVersion,
  console_io: consoleIo,
  vcpu_op: vcpuOp,
  sched_op: schedOp,
  set_timer_op: setTimerOp,
  event_channel_op: eventChannelOp,
  grant_table_op: grantTableOp,
  memory_op: memoryOp,
  mmu_update: mmuUpdate,
  mmuext_op: mmuextOp,
  update_va_mapping: updateVaMapping,
  domctl,
  sysctl,
};

/** What a call costs before anything is done. Every call costs its entry, known or not. */
export function entryCostNs(name: HypercallName | null): bigint {
  const { hypercallEntryNs, hypercall } = CPU_MODEL;
  return name === null ? hypercallEntryNs : hypercallEntryNs + hypercall[name].callNs;
}

/**
 * The one way into Xen. Copies the call in, checks it, does it, and answers a value or a negative Xen errno, or a
 * continuation that goes on from there; nothing a guest passes gets an exception out of here.
 */
export function dispatchHypercall(
  context: HypercallContext,
  name: HypercallName | null,
  call: unknown,
): HypercallAnswer | Continuation {
  context.host.stats.hypercalls += 1;
  return dispatchEntry(context, name, call);
}

/** Goes on with a long operation; undefined while it is not finished. */
export function continueHypercall(continuation: Continuation): HypercallAnswer | undefined {
  try {
    const step = continuation.next();
    return step.done ? step.value : undefined;
  } catch (thrown) {
    return faultErrno(thrown);
  }
}

function dispatchEntry(
  context: HypercallContext,
  name: HypercallName | null,
  call: unknown,
): HypercallAnswer | Continuation {
  const handler = name === null ? undefined : HANDLERS[name];
  // Noted before it is done: it may be the one that ends the domain.
  const entry = context.vcpu.trail.begin(name ?? 'unknown');
  try {
    const answer = handler === undefined ? -ERRNO.ENOSYS : handler(context, new Arguments(call, entry));
    if (isContinuation(answer)) return noteAnswer(answer, entry);
    entry.answer = returnCode(answer);
    return answer;
  } catch (thrown) {
    return (entry.answer = faultErrno(thrown));
  }
}

function* noteAnswer(continuation: Continuation, entry: TrailEntry): Continuation {
  try {
    const answer = yield* continuation;
    entry.answer = returnCode(answer);
    return answer;
  } catch (thrown) {
    return (entry.answer = faultErrno(thrown));
  }
}
