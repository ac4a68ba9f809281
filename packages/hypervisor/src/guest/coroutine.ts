import type { Guest, GuestExit, GuestThen } from '../abi/guest.js';
import type { HypercallAnswer } from '../abi/hypercall.js';

/** What a coroutine yields: work of a declared cost, or another way to leave the CPU. */
export type GuestEffect = { do: 'work'; ns: bigint | number; onBehalfOf?: number } | GuestThen;

export type GuestRoutine<Result = void> = Generator<GuestEffect, Result, HypercallAnswer | undefined>;

const WORK_NS_MAX = 1n << 62n;

/**
 * Design: one generator per vCPU. What it yields is checked here, so that a routine that throws or yields nonsense
 * crashes its domain and nothing else. A routine that returns powers its domain off.
 */
export function coroutineGuest(start: (vcpu: number) => GuestRoutine): Guest {
  const routines = new Map<number, GuestRoutine>();
  return {
    run(vcpu, _budgetNs, entry): GuestExit {
      try {
        let routine = routines.get(vcpu);
        if (routine === undefined) {
          routine = start(vcpu);
          routines.set(vcpu, routine);
        }
        const step = routine.next(entry);
        if (step.done) return { workNs: 0n, then: { do: 'shutdown', reason: 'poweroff' } };
        return exitOf(step.value);
      } catch (thrown) {
        return crash(describe(thrown));
      }
    },
  };
}

function exitOf(effect: GuestEffect): GuestExit {
  if (typeof effect !== 'object' || effect === null) return crash(`yielded ${describe(effect)}`);
  if (effect.do !== 'work') return { workNs: 0n, then: effect };
  const { ns, onBehalfOf } = effect;
  if (typeof ns !== 'bigint' && !Number.isSafeInteger(ns))
    return crash(`declared work of ${describe(ns)} ns`);
  const workNs = BigInt(ns);
  if (workNs < 0n || workNs > WORK_NS_MAX) return crash(`declared work of ${workNs} ns`);
  return { workNs, onBehalfOf, then: { do: 'continue' } };
}

function crash(message: string): GuestExit {
  return { workNs: 0n, then: { do: 'crash', message } };
}

function describe(value: unknown): string {
  try {
    return value instanceof Error ? `${value.name}: ${value.message}` : String(value);
  } catch {
    return 'something that cannot be described';
  }
}
