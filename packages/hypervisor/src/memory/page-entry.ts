/** Bits in the low half of a page table entry (x86-64). */
export const ENTRY = {
  present: 1,
  writable: 2,
  user: 4,
  accessed: 0x20,
  dirty: 0x40,
  /** PAT in an L1 entry, a superpage above. */
  large: 0x80,
  global: 0x100,
} as const;

export const ENTRIES_PER_TABLE = 512;

/** Xen's own mark, in the high half: the entry was made through a grant. No guest may set it. */
export const ENTRY_GRANT_HIGH = 1 << 30;

/** Slots of a top level table that are Xen's (256 to 271 of 512). */
export const XEN_SLOT_FIRST = 256;
export const XEN_SLOT_LAST = 271;

/** What a present entry must not have: superpage or PAT, GLOBAL, and any high bit between the frame number and NX. */
const FORBIDDEN_LOW = ENTRY.large | ENTRY.global;
const FORBIDDEN_HIGH = 0x7ff00000;
const FRAME_HIGH = 0xfffff;
const U32 = 1n << 32n;

/** A 64-bit entry as two unsigned halves. */
export interface PageEntry {
  low: number;
  high: number;
}

export function entryOf(value: bigint): PageEntry {
  return { low: Number(value % U32), high: Number((value / U32) % U32) };
}

export function entryValue({ low, high }: PageEntry): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}

export function makeEntry(mfn: number, bits: number, grant = false): PageEntry {
  const high = Math.floor(mfn / 0x100000);
  return { low: ((mfn << 12) | bits | ENTRY.present) >>> 0, high: grant ? high | ENTRY_GRANT_HIGH : high };
}

export function frameIn({ low, high }: PageEntry): number {
  return (low >>> 12) + (high & FRAME_HIGH) * 0x100000;
}

export function isPresent({ low }: PageEntry): boolean {
  return (low & ENTRY.present) !== 0;
}

export function isWritable({ low }: PageEntry): boolean {
  return (low & ENTRY.writable) !== 0;
}

export function isGrant({ low, high }: PageEntry): boolean {
  return (low & ENTRY.present) !== 0 && (high & ENTRY_GRANT_HIGH) !== 0;
}

export function hasForbiddenBits({ low, high }: PageEntry): boolean {
  return (low & FORBIDDEN_LOW) !== 0 || (high & FORBIDDEN_HIGH) !== 0;
}

/** What Xen reads and writes of a table: entry `index` of the bytes of a frame. */
export function readEntry(bytes: Uint8Array, index: number): PageEntry {
  const at = index * 8;
  return { low: readU32(bytes, at), high: readU32(bytes, at + 4) };
}

export function writeEntry(bytes: Uint8Array, index: number, { low, high }: PageEntry): void {
  writeU32(bytes, index * 8, low);
  writeU32(bytes, index * 8 + 4, high);
}

/** Whether entry `index` is there, for walks over mostly empty tables. */
export function presentAt(bytes: Uint8Array, index: number): boolean {
  return (bytes[index * 8]! & ENTRY.present) !== 0;
}

function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}
