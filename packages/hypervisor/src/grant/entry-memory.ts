import { GRANT_ENTRIES_PER_FRAME, GRANT_ENTRY_BYTES } from '../abi/grant.js';

/**
 * The entries of a table as Xen reaches them: memory that its guest may write at any moment, so whatever matters is
 * read once or exchanged atomically. A header is `flags | domid << 16`, unsigned.
 */
export interface EntryMemory {
  headerOf(ref: number): number;
  /** Writes `next` if the header still is `expected`. @returns What was there. */
  exchangeHeader(ref: number, expected: number, next: number): number;
  clearFlags(ref: number, flags: number): void;
  setFlags(ref: number, flags: number): void;
  frameOf(ref: number): number;
  setFrame(ref: number, frame: number): void;
}

/** The entries in the bytes of the table's frames. */
export class FrameEntryMemory implements EntryMemory {
  /** @param frameAt The bytes of the table's frame number `at`, which the caller knows to exist. */
  constructor(private readonly frameAt: (at: number) => Uint8Array) {}

  headerOf(ref: number): number {
    const { bytes, at } = this.locate(ref);
    return read32(bytes, at);
  }

  exchangeHeader(ref: number, expected: number, next: number): number {
    const { bytes, at } = this.locate(ref);
    const found = read32(bytes, at);
    if (found === expected) write32(bytes, at, next);
    return found;
  }

  clearFlags(ref: number, flags: number): void {
    const { bytes, at } = this.locate(ref);
    write32(bytes, at, read32(bytes, at) & ~flags);
  }

  setFlags(ref: number, flags: number): void {
    const { bytes, at } = this.locate(ref);
    write32(bytes, at, read32(bytes, at) | flags);
  }

  frameOf(ref: number): number {
    const { bytes, at } = this.locate(ref);
    return read32(bytes, at + 4);
  }

  setFrame(ref: number, frame: number): void {
    const { bytes, at } = this.locate(ref);
    write32(bytes, at + 4, frame);
  }

  private locate(ref: number): { bytes: Uint8Array; at: number } {
    const bytes = this.frameAt(Math.floor(ref / GRANT_ENTRIES_PER_FRAME));
    return { bytes, at: (ref % GRANT_ENTRIES_PER_FRAME) * GRANT_ENTRY_BYTES };
  }
}

function read32(bytes: Uint8Array, at: number): number {
  const [a, b, c, d] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]] as [
    number,
    number,
    number,
    number,
  ];
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
}

function write32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value & 0xff;
  bytes[at + 1] = (value >>> 8) & 0xff;
  bytes[at + 2] = (value >>> 16) & 0xff;
  bytes[at + 3] = (value >>> 24) & 0xff;
}
