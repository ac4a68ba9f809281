import { assert } from './assert.js';

/** Where one direction of bytes lies in a shared page: `size` data bytes (a power of two) and two u32 indices. */
export interface ByteRingPlace {
  data: number;
  size: number;
  cons: number;
  prod: number;
}

/**
 * Design: one side of a byte ring in memory that another domain can write. Indices run freely and are masked when
 * used. This side's own index is kept here and only published; of the page nothing is read but the other side's.
 * Invariant: never more than `size` bytes are between the indices; an index of the other side that says so is hostile,
 * which is answered as null, and nothing is moved.
 */
class ByteRingSide {
  private own = 0;

  constructor(
    private readonly page: () => Uint8Array,
    protected readonly place: ByteRingPlace,
    private readonly ownAt: number,
    private readonly otherAt: number,
  ) {
    assert((place.size & (place.size - 1)) === 0, 'the size of a ring is a power of two');
  }

  /** Both sides begin anew at 0. */
  reset(): void {
    this.own = 0;
    for (const at of [this.ownAt, this.otherAt]) this.view().setUint32(at, 0, true);
  }

  protected get index(): number {
    return this.own;
  }

  protected get bytes(): Uint8Array {
    return this.page();
  }

  /** How far the other side's index is ahead of ours, or behind. */
  protected distance(ahead: boolean): number | null {
    const other = this.view().getUint32(this.otherAt, true);
    const distance = (ahead ? other - this.own : this.own - other) >>> 0;
    return distance > this.place.size ? null : distance;
  }

  protected advance(bytes: number): void {
    this.own = (this.own + bytes) >>> 0;
    this.view().setUint32(this.ownAt, this.own, true);
  }

  private view(): DataView {
    const page = this.page();
    return new DataView(page.buffer, page.byteOffset, page.length);
  }
}

/** The side that writes. */
export class ByteRingProducer extends ByteRingSide {
  constructor(page: () => Uint8Array, place: ByteRingPlace) {
    super(page, place, place.prod, place.cons);
  }

  /** Writes what fits of `bytes`, from `from` on; the answer is how many. */
  write(bytes: Uint8Array, from: number): number | null {
    const used = this.distance(false);
    if (used === null) return null;
    const { data, size } = this.place;
    const count = Math.min(size - used, bytes.length - from);
    const start = this.index & (size - 1);
    const first = Math.min(count, size - start);
    this.bytes.set(bytes.subarray(from, from + first), data + start);
    this.bytes.set(bytes.subarray(from + first, from + count), data);
    if (count > 0) this.advance(count);
    return count;
  }
}

/** The side that reads. */
export class ByteRingConsumer extends ByteRingSide {
  constructor(page: () => Uint8Array, place: ByteRingPlace) {
    super(page, place, place.cons, place.prod);
  }

  get available(): number | null {
    return this.distance(true);
  }

  /** Fills `into` from `from` on with what there is; the answer is how many bytes. */
  read(into: Uint8Array, from: number): number | null {
    const there = this.distance(true);
    if (there === null) return null;
    const { data, size } = this.place;
    const count = Math.min(there, into.length - from);
    const start = this.index & (size - 1);
    const first = Math.min(count, size - start);
    into.set(this.bytes.subarray(data + start, data + start + first), from);
    into.set(this.bytes.subarray(data, data + count - first), from + first);
    if (count > 0) this.advance(count);
    return count;
  }
}
