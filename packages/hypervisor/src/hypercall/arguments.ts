import { ERRNO, type ErrnoName } from '../abi/errno.js';
import { copyBytes } from '../base/copy-bytes.js';
import { LIMITS } from '../limits.js';

/** Ends a hypercall with an errno; the dispatcher catches it, nobody else does. */
export class Fault {
  constructor(readonly errno: ErrnoName) {}
}

/** The return code of a fault, which is the guest's; anything else thrown is a bug of the host and goes on. */
export function faultErrno(thrown: unknown): number {
  if (thrown instanceof Fault) return -ERRNO[thrown.errno];
  throw thrown;
}

const U64_MAX = (1n << 64n) - 1n;

/**
 * Design: what copies a guest's structure in. Each field is read exactly once, when a handler asks for it, so a guest
 * that changes it meanwhile, or whose reading throws, changes nothing afterwards. What cannot be read is EFAULT, what is
 * out of range is the errno the handler names (EINVAL).
 * Invariant: a handler sees only plain numbers, bigints, texts and bytes of its own.
 */
export class Arguments {
  /** `noted` is told the command that is asked for, as far as it is a short word or a number. */
  constructor(
    private readonly structure: unknown,
    private readonly noted?: { cmd: string },
  ) {
    if (typeof structure !== 'object' || structure === null) throw new Fault('EFAULT');
  }

  /** A whole number from `min` to `max`. */
  integer(field: string, min: number, max: number, errno: ErrnoName = 'EINVAL'): number {
    return checkedInteger(this.read(field), { min, max, errno });
  }

  /** Like `integer`, with a value for an absent field. */
  integerOr(field: string, absent: number, range: { min: number; max: number; errno?: ErrnoName }): number {
    const value = this.read(field);
    return value === undefined ? absent : checkedInteger(value, { errno: 'EINVAL', ...range });
  }

  /** An unsigned 64-bit value, from a bigint or a whole number. */
  unsigned64(field: string, errno: ErrnoName = 'EINVAL'): bigint {
    return checkedUnsigned(this.read(field), errno);
  }

  /** Like `unsigned64`, with a value for an absent field. */
  unsigned64Or(field: string, absent: bigint): bigint {
    const value = this.read(field);
    return value === undefined ? absent : checkedUnsigned(value, 'EINVAL');
  }

  /** A signed 64-bit value, from a bigint or a whole number. */
  signed(field: string, errno: ErrnoName = 'EINVAL'): bigint {
    return checkedSigned(this.read(field), errno);
  }

  text(field: string, charactersMax: number): string {
    const value = this.read(field);
    if (typeof value !== 'string') throw new Fault('EFAULT');
    if (value.length > charactersMax) throw new Fault('E2BIG');
    return value;
  }

  /** One of `values`; anything else is `errno`. */
  oneOf<T extends string>(field: string, values: readonly T[], errno: ErrnoName = 'EINVAL'): T {
    const value = this.read(field);
    const found = values.find((v) => v === value);
    if (found === undefined) throw new Fault(errno);
    return found;
  }

  flag(field: string): boolean {
    return this.read(field) === true;
  }

  /** A copy of the bytes. */
  bytes(field: string, lengthMax: number): Uint8Array {
    const copied = copyBytes(this.read(field), lengthMax);
    if (copied === 'none') throw new Fault('EFAULT');
    if (copied === 'long') throw new Fault('E2BIG');
    return copied;
  }

  /** How many elements a list has; longer ones are `errno` (E2BIG). The elements are read by `element`. */
  list(field: string, lengthMax: number, errno: ErrnoName = 'E2BIG'): ArgumentList {
    return new ArgumentList(this.read(field), lengthMax, errno);
  }

  /** A structure within this one. */
  inner(field: string): Arguments {
    return new Arguments(this.read(field));
  }

  private read(field: string): unknown {
    let value: unknown;
    try {
      value = (this.structure as Record<string, unknown>)[field];
    } catch {
      throw new Fault('EFAULT');
    }
    if (field === 'cmd' && this.noted !== undefined) this.noted.cmd = wordOf(value);
    return value;
  }
}

function wordOf(value: unknown): string {
  if (typeof value === 'number') return String(value);
  const sound = typeof value === 'string' && value.length <= LIMITS.trailWordCharactersMax;
  return sound && /^[a-z0-9_]*$/.test(value) ? value : '?';
}

/** A guest's array: its length was read once; each element is read when its turn comes, as Xen copies in batches. */
export class ArgumentList {
  readonly length: number;
  private readonly elements: Record<number, unknown>;

  constructor(value: unknown, lengthMax: number, errno: ErrnoName = 'E2BIG') {
    let length: unknown;
    try {
      length = Array.isArray(value) ? value.length : undefined;
    } catch {
      throw new Fault('EFAULT');
    }
    if (typeof length !== 'number' || !Number.isSafeInteger(length) || length < 0) throw new Fault('EFAULT');
    if (length > lengthMax) throw new Fault(errno);
    this.length = length;
    this.elements = value as Record<number, unknown>;
  }

  /** Element `at` as a structure. */
  structure(at: number): Arguments {
    return new Arguments(this.raw(at));
  }

  /** Element `at` as a whole number from `min` to `max`. */
  integer(at: number, min: number, max: number, errno: ErrnoName = 'EINVAL'): number {
    return checkedInteger(this.raw(at), { min, max, errno });
  }

  /** Element `at` as the guest wrote it. */
  raw(at: number): unknown {
    try {
      return this.elements[at];
    } catch {
      throw new Fault('EFAULT');
    }
  }
}

function checkedUnsigned(value: unknown, errno: ErrnoName): bigint {
  const wide = checkedSigned(value, errno);
  if (wide < 0n) throw new Fault(errno);
  return wide;
}

function checkedSigned(value: unknown, errno: ErrnoName): bigint {
  const wide = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof wide !== 'bigint') throw new Fault('EFAULT');
  if (wide > U64_MAX || wide < -U64_MAX) throw new Fault(errno);
  return wide;
}

function checkedInteger(value: unknown, range: { min: number; max: number; errno: ErrnoName }): number {
  const narrow =
    typeof value === 'bigint' && value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER
      ? Number(value)
      : value;
  if (typeof narrow !== 'number' && typeof narrow !== 'bigint') throw new Fault('EFAULT');
  if (typeof narrow === 'bigint' || !Number.isSafeInteger(narrow)) throw new Fault(range.errno);
  if (narrow < range.min || narrow > range.max) throw new Fault(range.errno);
  return narrow;
}
