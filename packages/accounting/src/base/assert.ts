/** A broken promise of this package or of its caller's code; never an answer to a tenant's input. */
export class AccountingBug extends Error {
  override readonly name = 'AccountingBug';
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AccountingBug(message);
}

/** Makes a switch exhaustive: it compiles only when every case was handled. */
export function unreachable(value: never): never {
  throw new AccountingBug(`unhandled case: ${String(value)}`);
}
