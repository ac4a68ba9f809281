/** A broken invariant of the machine itself: never the fault of a guest, a peer or an owner. */
export class AssertionFailure extends Error {
  constructor(message: string) {
    super(`hypervisor assertion: ${message}`);
    this.name = 'AssertionFailure';
  }
}

/** Throws when `condition` is false. The message is built only then. */
export function assert(condition: boolean, message: string | (() => string)): asserts condition {
  if (!condition) throw new AssertionFailure(typeof message === 'string' ? message : message());
}

/** The value, or an assertion naming what was missing. */
export function present<T>(value: T | null | undefined, what: string): T {
  assert(value !== null && value !== undefined, () => `${what} is missing`);
  return value;
}
