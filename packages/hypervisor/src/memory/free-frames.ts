import { assert } from '../base/assert.js';
import { type FrameRecords, NONE } from './frame-records.js';

/** Blocks of up to 2^10 frames (4 MiB) are kept together. */
export const ORDER_MAX = 10;
const BLOCK_FRAMES = 1 << ORDER_MAX;

/**
 * Design: Xen's buddy allocator. Free blocks of 2^order aligned frames hang in one list per order; freeing joins a
 * block with its buddy. Frames above the high-water mark are free without a record; the mark rises by one block when
 * no listed block is large enough, so an unused host costs nothing.
 * Invariants: free blocks never overlap, and no block lies beside a free buddy of its own order;
 * `count` = frames in lists + frames above the mark.
 */
export class FreeFrames {
  private readonly heads = new Int32Array(ORDER_MAX + 1).fill(NONE);
  private readonly blocks = new Float64Array(ORDER_MAX + 1);
  private mark: number;
  private free: number;

  constructor(
    private readonly records: FrameRecords,
    private readonly totalFrames: number,
    firstFrame: number,
  ) {
    this.mark = firstFrame;
    this.free = totalFrames - firstFrame;
  }

  get count(): number {
    return this.free;
  }

  /** Frames below this have been in use, or are Xen's; above it all are free. */
  get highWaterMark(): number {
    return this.mark;
  }

  /** The first frame of a block of 2^order; null when no such block is free. */
  take(order: number): number | null {
    let found = this.listed(order);
    if (found === NONE) {
      if (!this.raise(order)) return null;
      found = this.listed(order);
    }
    return this.split(found, order);
  }

  /** A listed block of at most 2^orderMax, the largest there is; raises the mark only when nothing is listed. */
  takeLargest(orderMax: number): { first: number; order: number } | null {
    for (;;) {
      for (let order = orderMax; order >= 0; order -= 1) {
        const found = this.listed(order);
        if (found !== NONE) return { first: this.split(found, order), order };
      }
      if (!this.raise(0)) return null;
    }
  }

  /** Gives one frame back. */
  give(frame: number): void {
    this.giveBlock(frame, 0);
  }

  /** Gives the frames from `first` to before `end` back. */
  giveRun(first: number, end: number): void {
    for (let from = first; from < end;) {
      const order = largestOrder(from, end);
      this.giveBlock(from, order);
      from += 1 << order;
    }
  }

  private giveBlock(first: number, size: number): void {
    const { freeOrder } = this.records;
    let block = first;
    let order = size;
    while (order < ORDER_MAX) {
      const buddy = block ^ (1 << order);
      if (buddy >= this.mark || freeOrder[buddy] !== order + 1) break;
      this.unlink(buddy, order);
      block = Math.min(block, buddy);
      order += 1;
    }
    this.link(block, order);
    this.free += 1 << size;
  }

  /** Frames in lists and above the mark, counted from the numbers of blocks. */
  recount(): number {
    let listed = 0;
    for (let order = 0; order <= ORDER_MAX; order += 1) listed += this.blocks[order]! * (1 << order);
    return listed + this.totalFrames - this.mark;
  }

  /** Every listed block, for the audit. */
  *listedBlocks(): Generator<{ first: number; order: number }> {
    for (let order = 0; order <= ORDER_MAX; order += 1) {
      for (let first = this.heads[order]!; first !== NONE; first = this.records.next[first]!)
        yield { first, order };
    }
  }

  /** The smallest listed block of at least 2^order, or NONE. */
  private listed(order: number): number {
    for (let at = order; at <= ORDER_MAX; at += 1) if (this.heads[at] !== NONE) return this.heads[at]!;
    return NONE;
  }

  private split(block: number, order: number): number {
    let at = this.records.freeOrder[block]! - 1;
    this.unlink(block, at);
    while (at > order) {
      at -= 1;
      this.link(block + (1 << at), at);
    }
    this.free -= 1 << order;
    return block;
  }

  /** Lists the frames from the mark to the next block's end, until a block of 2^order is there. */
  private raise(order: number): boolean {
    while (this.mark < this.totalFrames) {
      const end = Math.min(this.totalFrames, (Math.floor(this.mark / BLOCK_FRAMES) + 1) * BLOCK_FRAMES);
      this.records.reserve(end);
      let from = this.mark;
      let largest = -1;
      this.mark = end;
      while (from < end) {
        const size = largestOrder(from, end);
        this.link(from, size);
        largest = Math.max(largest, size);
        from += 1 << size;
      }
      if (largest >= order) return true;
    }
    return false;
  }

  private link(block: number, order: number): void {
    const { next, previous, freeOrder } = this.records;
    const head = this.heads[order]!;
    next[block] = head;
    previous[block] = NONE;
    if (head !== NONE) previous[head] = block;
    this.heads[order] = block;
    freeOrder[block] = order + 1;
    this.blocks[order]! += 1;
  }

  private unlink(block: number, order: number): void {
    const { next, previous, freeOrder } = this.records;
    assert(freeOrder[block] === order + 1, 'a free block is in the wrong list');
    const after = next[block]!;
    const before = previous[block]!;
    if (before === NONE) this.heads[order] = after;
    else next[before] = after;
    if (after !== NONE) previous[after] = before;
    freeOrder[block] = 0;
    this.blocks[order]! -= 1;
  }
}

/** The largest aligned block that starts at `from` and ends by `end`. */
function largestOrder(from: number, end: number): number {
  const aligned = from === 0 ? ORDER_MAX : Math.min(ORDER_MAX, 31 - Math.clz32(from & -from));
  return Math.min(aligned, 31 - Math.clz32(end - from));
}
