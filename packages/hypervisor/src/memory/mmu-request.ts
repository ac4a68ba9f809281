import { ERRNO } from '../abi/errno.js';
import type { AddressSpace } from './address-space.js';
import { entryOf, writeEntry } from './page-entry.js';
import { splitAddress } from './virtual-address.js';
import { XEN_SLOT_FIRST, XEN_SLOT_LAST } from './page-entry.js';

/** The commands in the low two bits of a request's `ptr` (public/xen.h). */
const COMMAND = { normal: 0, machphys: 1, preserveAd: 2 } as const;
const GFN_MAX = 0xffff_fffe;

/**
 * One request of `mmu_update` to the frames of `space`, naming frames of `owner`. An entry of a table in use is checked
 * and counted; a frame that is no table is written as data, when it may be written at all.
 * @returns 0; -EINVAL: not the domain's frame, forbidden bits, a target it may not map; -EPERM: a slot of Xen's, an
 * entry of a grant; -EBUSY: a frame that cannot be written now; -ENOSYS; -EOPNOTSUPP: auto-translated.
 */
export function applyMmuRequest(
  space: AddressSpace,
  request: { ptr: bigint; val: bigint },
  owner: number,
): number {
  if (space.translated) return -ERRNO.EOPNOTSUPP;
  const command = Number(request.ptr & 3n);
  const mfn = Number(request.ptr >> 12n);
  if (command === COMMAND.machphys) return setMachineToPhysical(space, mfn, request.val);
  if (command !== COMMAND.normal && command !== COMMAND.preserveAd) return -ERRNO.ENOSYS;
  const offset = Number(request.ptr & 0xffcn);
  if (offset % 8 !== 0) return -ERRNO.EINVAL;
  const { frames, tables } = space;
  if (!frames.getPage(mfn, space.domId)) return -ERRNO.EINVAL;
  const entry = entryOf(request.val);
  let rc = 0;
  if (frames.tableLevel(mfn) > 0) {
    rc = tables.modify(mfn, offset / 8, entry, { owner, keepAd: command === COMMAND.preserveAd });
  } else if (frames.getPageType(mfn, 'writable')) {
    writeEntry(frames.bytesOf(mfn), offset / 8, entry);
    frames.putPageType(mfn, 'writable');
  } else {
    rc = -ERRNO.EBUSY;
  }
  frames.putPage(mfn);
  return rc;
}

/** One L1 entry by the address that it maps. -EINVAL: no such entry, or Xen's area; else as `applyMmuRequest`. */
export function updateAddress(
  space: AddressSpace,
  vcpu: number,
  change: { va: bigint; val: bigint; owner: number },
): number {
  if (space.translated) return -ERRNO.EOPNOTSUPP;
  const path = splitAddress(change.va);
  if (path === null || (path[0] >= XEN_SLOT_FIRST && path[0] <= XEN_SLOT_LAST)) return -ERRNO.EINVAL;
  const leaf = space.leafOf(vcpu, path);
  if (leaf === null) return -ERRNO.EINVAL;
  return space.tables.modify(leaf.table, leaf.index, entryOf(change.val), { owner: change.owner });
}

function setMachineToPhysical(space: AddressSpace, mfn: number, gfn: bigint): number {
  if (space.frames.ownerOf(mfn) !== space.domId) return -ERRNO.EINVAL;
  if (gfn > BigInt(GFN_MAX)) return -ERRNO.EINVAL;
  space.frames.records.gfn[mfn] = Number(gfn) + 1;
  return 0;
}
