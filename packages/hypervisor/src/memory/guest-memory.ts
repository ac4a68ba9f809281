import type { GuestMemory } from '../abi/guest-memory.js';
import { copyBytes } from '../base/copy-bytes.js';
import { LIMITS } from '../limits.js';
import type { AddressSpace } from './address-space.js';
import { FRAME_BYTES } from './frame-records.js';
import { ENTRY, frameIn, isPresent, isWritable, readEntry, writeEntry } from './page-entry.js';
import { splitAddress } from './virtual-address.js';

/** Sees each frame a guest reaches, for tests that prove that it may. */
export type MemoryObserver = (access: { domId: number; mfn: number; write: boolean }) => void;

interface Piece {
  mfn: number;
  offset: number;
  length: number;
}

/**
 * Design: a guest's loads and stores. Each page is looked up anew, in the tables under the executing vCPU's base
 * pointer or in the domain's map, as a processor without a TLB would; the guest gets copies, never the bytes themselves.
 * Invariant: an access that faults anywhere does nothing.
 */
export class DomainMemory implements GuestMemory {
  static {
    // All guests share it; none may put itself between another and its memory.
    Object.freeze(this.prototype);
  }

  // Private at run time too: the guest holds this object, and must find nothing of Xen's in it.
  readonly #space: AddressSpace;
  readonly #observer: () => MemoryObserver | null;

  constructor(space: AddressSpace, observer: () => MemoryObserver | null = () => null) {
    this.#space = space;
    this.#observer = observer;
  }

  get pageTables(): boolean {
    return !this.#space.translated;
  }

  load(address: bigint | number, length: number): Uint8Array | null {
    const pieces = this.#pieces(address, length, false);
    if (pieces === null) return null;
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const piece of pieces) {
      const contents = this.#space.frames.writtenBytesOf(piece.mfn);
      if (contents !== null) bytes.set(contents.subarray(piece.offset, piece.offset + piece.length), at);
      at += piece.length;
    }
    return bytes;
  }

  store(address: bigint | number, bytes: Uint8Array): boolean {
    const copy = copyBytes(bytes, LIMITS.guestAccessBytesMax);
    if (typeof copy === 'string') return false;
    const pieces = this.#pieces(address, copy.length, true);
    if (pieces === null) return false;
    let at = 0;
    for (const piece of pieces) {
      const contents = this.#space.frames.bytesOf(piece.mfn);
      contents.set(copy.subarray(at, at + piece.length), piece.offset);
      at += piece.length;
    }
    return true;
  }

  /** The frames behind a span of addresses; null when any of them faults. */
  #pieces(address: bigint | number, length: number, write: boolean): Piece[] | null {
    if (typeof address === 'number' && !Number.isSafeInteger(address)) return null;
    if (typeof address !== 'bigint' && typeof address !== 'number') return null;
    if (!Number.isSafeInteger(length) || length < 0 || length > LIMITS.guestAccessBytesMax) return null;
    if (this.#space.isClosed) return null;
    const pieces: Piece[] = [];
    let at = BigInt(address);
    let left = length;
    while (left > 0) {
      const offset = Number(at & 0xfffn);
      const mfn = this.#reach(at, write);
      if (mfn === null) return null;
      const part = Math.min(left, FRAME_BYTES - offset);
      pieces.push({ mfn, offset, length: part });
      at += BigInt(part);
      left -= part;
    }
    const observer = this.#observer();
    if (observer !== null) for (const { mfn } of pieces) observer({ domId: this.#space.domId, mfn, write });
    return pieces;
  }

  #reach(address: bigint, write: boolean): number | null {
    const { map } = this.#space;
    if (map === null) return this.#walk(address, write);
    return address < 0n || address >= 1n << 52n ? null : map.reach(Number(address >> 12n), write);
  }

  /** What the processor does: four levels, each of which may forbid writing; then the accessed and dirty bits. */
  #walk(address: bigint, write: boolean): number | null {
    const path = splitAddress(address);
    let table = this.#space.baseOf(this.#space.currentVcpu);
    if (path === null || table === null) return null;
    for (let level = 4; ; level -= 1) {
      const bytes = this.#space.frames.writtenBytesOf(table);
      if (bytes === null) return null;
      const index = path[4 - level]!;
      const entry = readEntry(bytes, index);
      if (!isPresent(entry) || (write && !isWritable(entry))) return null;
      if (level === 1) {
        const low = (entry.low | ENTRY.accessed | (write ? ENTRY.dirty : 0)) >>> 0;
        if (low !== entry.low) writeEntry(bytes, index, { low, high: entry.high });
        return frameIn(entry);
      }
      table = frameIn(entry);
    }
  }
}
