import { ERRNO } from '../abi/errno.js';
import type { AddressSpace } from './address-space.js';

/** The commands of `mmuext_op` (public/xen.h). */
export const MMUEXT_COMMANDS = [
  'pin_l1_table',
  'pin_l2_table',
  'pin_l3_table',
  'pin_l4_table',
  'unpin_table',
  'new_baseptr',
  'tlb_flush_local',
  'invlpg_local',
  'tlb_flush_multi',
  'invlpg_multi',
  'tlb_flush_all',
  'invlpg_all',
  'flush_cache',
  'set_ldt',
  'new_user_baseptr',
  'clear_page',
  'copy_page',
  'flush_cache_global',
] as const;
export type MmuextCommand = (typeof MMUEXT_COMMANDS)[number];

export interface MmuOperation {
  cmd: MmuextCommand;
  mfn: number;
  /** Of `copy_page`. */
  source: number;
  /** Of `set_ldt`, with its virtual address. */
  entries: number;
  address: bigint;
}

const LDT_ENTRIES_MAX = 8192;

/**
 * One operation of `mmuext_op` on frames of `owner` (the caller's own, or a foreign domain's for the privileged).
 * @returns 0; -EINVAL: not the owner's frame, unsound, pinned already or not pinned; -EPERM: what concerns the caller's
 * own processor, for a foreign domain; -EACCES: cache flushes, which need devices; -EOPNOTSUPP: auto-translated.
 */
export function applyMmuOperation(
  caller: { space: AddressSpace; vcpu: number },
  owner: AddressSpace,
  operation: MmuOperation,
): number {
  const { cmd, mfn } = operation;
  const { frames } = owner;
  if (caller.space.translated || owner.translated) return -ERRNO.EOPNOTSUPP;
  switch (cmd) {
    case 'pin_l1_table':
      return frames.pin(mfn, owner.domId, 1);
    case 'pin_l2_table':
      return frames.pin(mfn, owner.domId, 2);
    case 'pin_l3_table':
      return frames.pin(mfn, owner.domId, 3);
    case 'pin_l4_table':
      return frames.pin(mfn, owner.domId, 4);
    case 'unpin_table':
      return frames.ownerOf(mfn) === owner.domId ? frames.unpin(mfn) : -ERRNO.EINVAL;
    case 'clear_page':
      return whileWritable(owner, mfn, () => {
        frames.clear(mfn);
        return 0;
      });
    case 'copy_page':
      return copyPage(owner, operation.source, mfn);
    default:
      return owner === caller.space ? onProcessor(caller, operation) : -ERRNO.EPERM;
  }
}

/** What concerns the vCPU itself. There are no stale translations here, so flushes only cost. */
function onProcessor(
  { space, vcpu }: { space: AddressSpace; vcpu: number },
  operation: MmuOperation,
): number {
  const { cmd, mfn, entries, address } = operation;
  switch (cmd) {
    case 'new_baseptr':
      return space.setBase(vcpu, mfn);
    case 'new_user_baseptr':
      if (mfn !== 0) return space.setBase(vcpu, mfn, 'user');
      space.clearUserBase(vcpu);
      return 0;
    case 'set_ldt':
      return entries > LDT_ENTRIES_MAX || address % 4096n !== 0n ? -ERRNO.EINVAL : 0;
    case 'flush_cache':
    case 'flush_cache_global':
      return -ERRNO.EACCES;
    default:
      space.tables.flushes += 1;
      return 0;
  }
}

function copyPage(owner: AddressSpace, from: number, to: number): number {
  const { frames } = owner;
  if (!frames.getPage(from, owner.domId)) return -ERRNO.EINVAL;
  const rc = whileWritable(owner, to, () => {
    const bytes = frames.writtenBytesOf(from);
    if (bytes === null) frames.clear(to);
    else frames.bytesOf(to).set(bytes);
    return 0;
  });
  frames.putPage(from);
  return rc;
}

/** Acts while the frame has a writable reference, so that it is no table. */
function whileWritable(owner: AddressSpace, mfn: number, act: () => number): number {
  if (!owner.frames.getPageAndType(mfn, owner.domId, 'writable')) return -ERRNO.EINVAL;
  const rc = act();
  owner.frames.putPageAndType(mfn, 'writable');
  return rc;
}
