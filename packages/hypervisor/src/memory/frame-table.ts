import { assert } from '../base/assert.js';

/** Who owns a run of frames: a domain id, Xen itself, or nobody. */
export type FrameOwner = number | 'xen' | 'free';

export interface FrameExtent {
  first: number;
  count: number;
}

/**
 * Design: the host's 4 KiB machine frames as a list of free extents, ordered by address, and the extents of each
 * owner, so that a domain of any size is built and taken down in the number of extents, not of frames.
 * Invariants: every frame has exactly one owner; free extents never touch each other; owned + free + Xen = all.
 * Units: frames of 4 KiB.
 */
export class FrameTable {
  private free: FrameExtent[];
  private readonly owned = new Map<number, FrameExtent[]>();
  private readonly ownedCounts = new Map<number, number>();
  private freeCount: number;

  constructor(
    readonly totalFrames: number,
    readonly xenFrames: number,
  ) {
    assert(xenFrames >= 0 && xenFrames <= totalFrames, 'Xen cannot hold more frames than the host has');
    this.freeCount = totalFrames - xenFrames;
    this.free = this.freeCount > 0 ? [{ first: xenFrames, count: this.freeCount }] : [];
  }

  get freeFrames(): number {
    return this.freeCount;
  }

  framesOf(owner: number): number {
    return this.ownedCounts.get(owner) ?? 0;
  }

  extentsOf(owner: number): readonly FrameExtent[] {
    return this.owned.get(owner) ?? [];
  }

  /** Gives `count` frames to `owner`, lowest addresses first. False, and nothing done, when too few are free. */
  allocate(owner: number, count: number): boolean {
    if (count > this.freeCount) return false;
    const extents = this.owned.get(owner) ?? [];
    let missing = count;
    let used = 0;
    for (const extent of this.free) {
      if (missing === 0) break;
      const taken = Math.min(missing, extent.count);
      extents.push({ first: extent.first, count: taken });
      extent.first += taken;
      extent.count -= taken;
      missing -= taken;
      if (extent.count === 0) used += 1;
    }
    this.free.splice(0, used);
    this.freeCount -= count;
    this.owned.set(owner, extents);
    this.ownedCounts.set(owner, this.framesOf(owner) + count);
    return true;
  }

  /** Takes every frame of `owner` back; the answer is how many there were. */
  release(owner: number): number {
    const extents = this.owned.get(owner);
    if (extents === undefined) return 0;
    const count = this.framesOf(owner);
    this.owned.delete(owner);
    this.ownedCounts.delete(owner);
    const all = [...this.free, ...extents].sort((a, b) => a.first - b.first);
    const merged: FrameExtent[] = [];
    for (const extent of all) {
      const last = merged.at(-1);
      if (last !== undefined && last.first + last.count === extent.first) last.count += extent.count;
      else merged.push(extent);
    }
    this.free = merged;
    this.freeCount += count;
    return count;
  }

  /** Recounts owners and free extents from the lists themselves, for the conservation check. */
  recount(): { ownedFrames: number; freeFrames: number; xenFrames: number } {
    let ownedFrames = 0;
    for (const extents of this.owned.values()) for (const e of extents) ownedFrames += e.count;
    let freeFrames = 0;
    for (const e of this.free) freeFrames += e.count;
    return { ownedFrames, freeFrames, xenFrames: this.xenFrames };
  }
}
