import { HYPERCALL_NUMBERS, type HypercallName } from '../abi/hypercall.js';

/** The name of the hypercall in a guest's structure, read once; null when there is none. */
export function hypercallNameOf(call: unknown): HypercallName | null {
  try {
    const op: unknown = (call as { op?: unknown } | null | undefined)?.op;
    return typeof op === 'string' && Object.hasOwn(HYPERCALL_NUMBERS, op) ? (op as HypercallName) : null;
  } catch {
    return null;
  }
}
