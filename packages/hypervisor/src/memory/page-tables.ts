import { assert } from '../base/assert.js';
import { ERRNO } from '../abi/errno.js';
import type { FrameTable, TableContents } from './frame-table.js';
import { type FrameType, TYPE } from './frame-records.js';
import {
  ENTRIES_PER_TABLE,
  ENTRY,
  frameIn,
  hasForbiddenBits,
  isGrant,
  isPresent,
  isWritable,
  type PageEntry,
  presentAt,
  readEntry,
  writeEntry,
  XEN_SLOT_FIRST,
  XEN_SLOT_LAST,
} from './page-entry.js';

const LEVEL_TYPES = ['none', 'l1', 'l2', 'l3', 'l4'] as const satisfies readonly FrameType[];

/**
 * Design: Xen's direct paging. A frame becomes a table only after each of its entries was checked, and holds one
 * reference for each: an L1 entry a general one on its frame, with a writable one when it is RW; a higher entry a type
 * reference on the table below, or, read-only, on a validated table of its own level (a linear mapping). Entries of a
 * table in use change through `modify` alone.
 * Invariants: a failed check gives back what it took; a table is never mapped writable; a table that contains linear
 * entries is not the target of one, so references never go in circles (XSA-240); entries made through a grant hold
 * nothing, keep their table a table (one type reference, held by the address space), and change only by the grant's own unmap.
 */
export class PageTables implements TableContents {
  /** Entries looked at since the start, so that callers pay for what they cause. */
  entriesWalked = 0;
  /** TLB flushes asked for. */
  flushes = 0;
  /** Above 0: how many linear entries point to a table; below 0: how many it contains. */
  private readonly linear = new Map<number, number>();

  constructor(private readonly frames: FrameTable) {
    frames.tables = this;
  }

  validate(mfn: number, level: number): number {
    const owner = this.frames.ownerOf(mfn) as number;
    const bytes = this.frames.writtenBytesOf(mfn);
    if (bytes === null) return 0;
    for (let index = 0; index < ENTRIES_PER_TABLE; index += 1) {
      if (!presentAt(bytes, index) || isXenSlot(level, index)) continue;
      this.entriesWalked += 1;
      const rc = this.take(mfn, level, readEntry(bytes, index), owner);
      if (rc === 0) continue;
      for (let undo = 0; undo < index; undo += 1)
        if (presentAt(bytes, undo) && !isXenSlot(level, undo)) this.put(mfn, level, readEntry(bytes, undo));
      return rc;
    }
    // Xen writes its own entries there; no guest's bytes stay.
    if (level === 4) bytes.fill(0, XEN_SLOT_FIRST * 8, (XEN_SLOT_LAST + 1) * 8);
    return 0;
  }

  devalidate(mfn: number, level: number): void {
    const bytes = this.frames.writtenBytesOf(mfn);
    if (bytes === null) return;
    for (let index = 0; index < ENTRIES_PER_TABLE; index += 1) {
      if (!presentAt(bytes, index)) continue;
      this.entriesWalked += 1;
      this.put(mfn, level, readEntry(bytes, index));
    }
  }

  /**
   * Writes an entry of a table in use, for `owner`'s frames. -EPERM: a slot of Xen's, or an entry made through a grant;
   * -EINVAL: forbidden bits, not the owner's frame, a type conflict, unsound contents below; -ENOMEM: too many tables.
   */
  modify(
    table: number,
    index: number,
    entry: PageEntry,
    options: { owner: number; keepAd?: boolean },
  ): number {
    const level = this.frames.tableLevel(table);
    assert(level > 0, () => `frame ${table} is no table in use`);
    if (isXenSlot(level, index)) return -ERRNO.EPERM;
    const bytes = this.frames.bytesOf(table);
    const old = readEntry(bytes, index);
    if (isGrant(old)) return -ERRNO.EPERM;
    const kept = options.keepAd && isPresent(old) ? old.low & (ENTRY.accessed | ENTRY.dirty) : 0;
    const fresh = { low: (entry.low | kept) >>> 0, high: entry.high };
    this.entriesWalked += 1;
    const rc = this.take(table, level, fresh, options.owner);
    if (rc < 0) return rc;
    writeEntry(bytes, index, fresh);
    this.put(table, level, old);
    return 0;
  }

  /** Whether an entry of a table is linear: it points to a table of its own level. */
  isLinear(level: number, entry: PageEntry): boolean {
    return level > 1 && this.frames.records.type[frameIn(entry)] === level;
  }

  private take(table: number, level: number, entry: PageEntry, owner: number): number {
    if (!isPresent(entry)) return 0;
    if (hasForbiddenBits(entry)) return -ERRNO.EINVAL;
    const target = frameIn(entry);
    const { frames } = this;
    if (level > 1) {
      const linear =
        target === table || (frames.ownerOf(target) === owner && frames.tableLevel(target) === level);
      if (linear) return this.takeLinear(table, level, entry, owner);
      return frames.takePageAndType(target, owner, level - 1);
    }
    if (isWritable(entry)) return frames.takePageAndType(target, owner, TYPE.writable);
    return frames.getPage(target, owner) ? 0 : -ERRNO.EINVAL;
  }

  private put(table: number, level: number, entry: PageEntry): void {
    if (!isPresent(entry)) return;
    assert(!isGrant(entry), () => `frame ${table}: an entry made through a grant goes without its unmap`);
    const target = frameIn(entry);
    if (level === 1) {
      if (isWritable(entry)) this.frames.putPageAndType(target, 'writable');
      else this.frames.putPage(target);
    } else if (target !== table) {
      if (!this.isLinear(level, entry)) this.frames.putPageAndType(target, LEVEL_TYPES[level - 1]!);
      else {
        this.countLinear(table, 1);
        this.countLinear(target, -1);
        this.frames.putPageAndType(target, LEVEL_TYPES[level]!);
      }
    }
  }

  /** A table of the same level, read-only; itself without a reference, another one when it is validated. */
  private takeLinear(table: number, level: number, entry: PageEntry, owner: number): number {
    if (isWritable(entry)) return -ERRNO.EINVAL;
    const target = frameIn(entry);
    if (target === table) return 0;
    if ((this.linear.get(table) ?? 0) > 0 || (this.linear.get(target) ?? 0) < 0) return -ERRNO.EINVAL;
    const rc = this.frames.takePageAndType(target, owner, level);
    if (rc < 0) return rc;
    this.countLinear(table, -1);
    this.countLinear(target, 1);
    return 0;
  }

  private countLinear(table: number, change: number): void {
    const count = (this.linear.get(table) ?? 0) + change;
    if (count === 0) this.linear.delete(table);
    else this.linear.set(table, count);
  }
}

export function isXenSlot(level: number, index: number): boolean {
  return level === 4 && index >= XEN_SLOT_FIRST && index <= XEN_SLOT_LAST;
}
