import { assert } from '../base/assert.js';
import { ERRNO } from '../abi/errno.js';
import type { AddressSpace } from './address-space.js';

/**
 * Design: how a domain's reservation grows and shrinks, one extent of 2^order frames at a time, as Xen's memory_op. An
 * auto-translated domain names guest frames, one with page tables machine frames.
 * Invariant: an extent is done whole, but for a decrease, which stops at the first frame that cannot be given back.
 */

/** A new extent without a guest frame number. @returns Its first machine frame; null when the domain may not have it. */
export function increaseReservation(space: AddressSpace, order: number): number | null {
  return space.frames.allocateExtent(space.domId, order);
}

/** A new extent at `gfn`, where nothing is yet. @returns Its first machine frame; null when it cannot be. */
export function populatePhysmap(space: AddressSpace, gfn: number, order: number): number | null {
  const { map, frames } = space;
  const count = 1 << order;
  if (gfn + count > space.gfnMax) return null;
  if (map !== null) for (let at = 0; at < count; at += 1) if (!map.isEmpty(gfn + at)) return null;
  const first = frames.allocateExtent(space.domId, order);
  if (first === null) return null;
  for (let at = 0; at < count; at += 1) {
    map?.setOwn(gfn + at, first + at);
    frames.records.gfn[first + at] = gfn + at + 1;
  }
  return first;
}

/** Gives the frames of an extent back, each freed when its last reference goes. False when one is not the domain's. */
export function decreaseReservation(space: AddressSpace, extent: number, order: number): boolean {
  for (let at = 0; at < 1 << order; at += 1) {
    const mfn = space.machineFrameOf(extent + at);
    if (mfn === null || !space.frames.giveBack(mfn, space.domId)) return false;
    space.map?.removeOwn(extent + at);
    if (space.frames.ownerOf(mfn) === space.domId) space.frames.records.gfn[mfn] = 0;
  }
  return true;
}

interface Stolen {
  mfn: number;
  gfn: number;
  /** Its guest frame number + 1 by then. */
  knownAs: number;
}

/** The frames of extents, whole and the domain's alone; null, and nothing taken, when one of them is not. */
function stealExtents(space: AddressSpace, extents: readonly number[], order: number): Stolen[] | null {
  const stolen: Stolen[] = [];
  for (const extent of extents) {
    for (let gfn = extent; gfn < extent + (1 << order); gfn += 1) {
      const mfn = space.machineFrameOf(gfn);
      const knownAs = mfn === null ? 0 : space.frames.records.gfn[mfn]!;
      if (mfn === null || !space.frames.stealPage(mfn, space.domId)) {
        restore(space, stolen);
        return null;
      }
      space.map?.removeOwn(gfn);
      stolen.push({ mfn, gfn, knownAs });
    }
  }
  return stolen;
}

function restore(space: AddressSpace, stolen: readonly Stolen[]): void {
  for (const { mfn, gfn, knownAs } of stolen) {
    // Not a new frame: the maximum may have been lowered below what the domain has.
    space.frames.returnPage(mfn, space.domId);
    const back = space.map?.setOwn(gfn, mfn) ?? true;
    assert(back, () => `domain ${space.domId}: frame ${mfn} does not go back to its place`);
    space.frames.records.gfn[mfn] = knownAs;
  }
}

/**
 * Gives frames back for as many new ones of another order, at the guest frames `gfns`; those may be the old places.
 * The host needs as many free frames for it, the domain no headroom.
 * @returns The new extents, or -EINVAL: not the domain's alone, or a guest frame in use; -ENOMEM: no such block.
 */
export function exchangeExtents(
  space: AddressSpace,
  given: { extents: readonly number[]; order: number },
  wanted: { gfns: readonly number[]; order: number },
): readonly number[] | number {
  const stolen = stealExtents(space, given.extents, given.order);
  if (stolen === null) return -ERRNO.EINVAL;
  const blocks = newExtents(space, wanted.gfns, wanted.order);
  if (typeof blocks === 'number') restore(space, stolen);
  else for (const { mfn } of stolen) space.frames.freeStolen(mfn);
  return blocks;
}

/** New extents at `gfns`; what was taken goes back when one cannot be had. */
function newExtents(space: AddressSpace, gfns: readonly number[], order: number): number[] | number {
  const { frames, map } = space;
  const blocks: number[] = [];
  for (const gfn of gfns) {
    const free = map === null || gfnsAreFree(space, gfn, order);
    const block = free ? populatePhysmap(space, gfn, order) : null;
    if (block !== null) {
      blocks.push(block);
      continue;
    }
    blocks.forEach((first, index) => {
      for (let at = 0; at < 1 << order; at += 1) {
        map?.removeOwn(gfns[index]! + at);
        frames.giveBack(first + at, space.domId);
      }
    });
    return free ? -ERRNO.ENOMEM : -ERRNO.EINVAL;
  }
  return blocks;
}

function gfnsAreFree(space: AddressSpace, gfn: number, order: number): boolean {
  if (gfn + (1 << order) > space.gfnMax) return false;
  for (let at = 0; at < 1 << order; at += 1) if (!space.map?.isEmpty(gfn + at)) return false;
  return true;
}

/** Moves the domain's own frame to another guest frame number (`add_to_physmap`, space gmfn). -EINVAL, -EOPNOTSUPP. */
export function moveInPhysmap(space: AddressSpace, from: number, to: number): number {
  const { map } = space;
  if (map === null) return -ERRNO.EOPNOTSUPP;
  const mfn = map.ownAt(from);
  if (mfn === null || to >= space.gfnMax) return -ERRNO.EINVAL;
  if (from === to) return 0;
  if (!map.setOwn(to, mfn)) return -ERRNO.EINVAL;
  map.removeOwn(from);
  space.frames.records.gfn[mfn] = to + 1;
  return 0;
}

/** Gives the frame at a guest frame number back, as HEAD's guest_remove_page for gmfn space. -ENOENT, -EOPNOTSUPP. */
export function removeFromPhysmap(space: AddressSpace, gfn: number): number {
  if (space.map === null) return -ERRNO.EOPNOTSUPP;
  return decreaseReservation(space, gfn, 0) ? 0 : -ERRNO.ENOENT;
}
