import { CPU_MODEL } from '../abi/cpu-model.js';
import { ERRNO } from '../abi/errno.js';
import type { HypercallAnswer, HypercallName } from '../abi/hypercall.js';
import { LIMITS } from '../limits.js';
import { type ArgumentList, type Arguments, faultErrno } from './arguments.js';
import { type Continuation, type HypercallContext, isContinuation } from './context.js';
import { hypercallNameOf } from './hypercall-name.js';

type Dispatch = (
  context: HypercallContext,
  name: HypercallName | null,
  call: unknown,
) => HypercallAnswer | Continuation;

/** What is done between two points at which the caller may be preempted. */
const CALLS_PER_CHUNK = 8;

/**
 * A batch of calls, done in order, each with its own answer; one that fails does not stop the rest. Preemptible after
 * every eighth call. A multicall inside a multicall is EINVAL.
 */
export function multicall(context: HypercallContext, call: Arguments, dispatch: Dispatch): Continuation {
  return run(context, call.list('calls', LIMITS.multicallEntriesMax), dispatch);
}

function* run(context: HypercallContext, calls: ArgumentList, dispatch: Dispatch): Continuation {
  const results: HypercallAnswer[] = [];
  // In Xen answers lie in the caller's memory; here they are kept for it until the call is over.
  let kept = 0;
  for (let at = 0; at < calls.length; at += 1) {
    const full = kept >= LIMITS.multicallAnswerElementsMax;
    const answer = full ? -ERRNO.E2BIG : yield* one(context, calls, at, dispatch);
    kept += elementsOf(answer);
    results.push(answer);
    if (at % CALLS_PER_CHUNK === CALLS_PER_CHUNK - 1) yield;
  }
  return { rc: 0, results };
}

function elementsOf(answer: HypercallAnswer): number {
  if (typeof answer === 'number') return 0;
  let elements = 0;
  for (const field of Object.values(answer)) if (Array.isArray(field)) elements += field.length;
  return elements;
}

function* one(context: HypercallContext, calls: ArgumentList, at: number, dispatch: Dispatch): Continuation {
  try {
    const call = calls.raw(at);
    const name = hypercallNameOf(call);
    if (name === 'multicall') return -ERRNO.EINVAL;
    context.spend(costOf(name));
    const answer = dispatch(context, name, call);
    return isContinuation(answer) ? yield* answer : answer;
  } catch (thrown) {
    return faultErrno(thrown);
  }
}

/** What an entry costs before it is done: the call saves its entry into Xen. */
function costOf(name: HypercallName | null): bigint {
  const { multicall: batch, ...calls } = CPU_MODEL.hypercall;
  return name === null || name === 'multicall' ? batch.entryNs : batch.entryNs + calls[name].callNs;
}
