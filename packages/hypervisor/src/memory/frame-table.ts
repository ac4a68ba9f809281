import { assert } from '../base/assert.js';
import { ERRNO } from '../abi/errno.js';
import { LIMITS } from '../limits.js';
import type { FrameAccount } from './frame-account.js';
import { FrameOwnership } from './frame-ownership.js';
import { FRAME, type FrameType, FRAME_TYPES, NONE, TYPE } from './frame-records.js';

/** What checks a page table's entries and takes their references, and gives them back. `level` is 1 to 4. */
export interface TableContents {
  /** 0, or a negative errno with nothing taken. */
  validate(mfn: number, level: number): number;
  devalidate(mfn: number, level: number): void;
}

/**
 * Design: Xen's frame table. A frame is a machine frame number (`mfn`); it has an owner, general references and one
 * type with type references. The owner holds one reference (`allocated`) until it gives the frame back; the frame is
 * freed, and stops being owned, when the last reference of anybody goes. Contents are bytes, kept from the first write
 * to the free.
 * Invariants: (1) one type at a time, changed only at type count 0; (2) type count <= count; a frame is free exactly
 * when its count is 0 and it is not stolen; (3) a table in use has no writable reference; (4) owned + zombie + free +
 * Xen = all; (5) frames promised to claims are free.
 * Units: frames of 4 KiB.
 */
export class FrameTable extends FrameOwnership {
  /** Set by the page tables; without them no frame becomes a table. */
  tables: TableContents = { validate: () => -ERRNO.EINVAL, devalidate: () => undefined };

  constructor(
    totalFrames: number,
    xenFrames: number,
    private readonly referencesMax: number = LIMITS.frameReferencesMax,
  ) {
    super(totalFrames, xenFrames);
  }

  /**
   * The end of an owner: unpins its tables and gives every frame back. What others still refer to stays as zombies
   * until they let go. Its address space must have let go of its own references before.
   */
  closeDomain(domId: number): void {
    const account = this.account(domId);
    const { records } = this;
    this.claim(domId, 0);
    account.dead = true;
    const pinned: number[] = [];
    for (let mfn = account.head; mfn !== NONE; mfn = records.next[mfn]!)
      if (records.flags[mfn]! & FRAME.pinned) pinned.push(mfn);
    for (const mfn of pinned) this.unpin(mfn);
    // No table is left, so giving one frame back frees no other.
    for (const mfn of this.freeUnshared(account)) this.giveBack(mfn, domId);
    if (account.owned === 0) this.accounts.delete(domId);
  }

  /** The owner gives a frame back; false when it is not its own or was given back before. */
  giveBack(mfn: number, domId: number): boolean {
    if (this.ownerOf(mfn) !== domId) return false;
    const { flags } = this.records;
    if ((flags[mfn]! & FRAME.allocated) === 0) return false;
    flags[mfn]! &= ~FRAME.allocated;
    this.putPage(mfn);
    return true;
  }

  // References

  /** One general reference; false when the frame is not `domId`'s, or has too many. */
  getPage(mfn: number, domId: number): boolean {
    if (this.ownerOf(mfn) !== domId) return false;
    const { count } = this.records;
    if (count[mfn]! >= this.referencesMax) return false;
    count[mfn]! += 1;
    return true;
  }

  putPage(mfn: number): void {
    const { count, typeCount } = this.records;
    assert(this.inUse(mfn) && count[mfn]! > 0, () => `frame ${mfn} has no reference to give back`);
    count[mfn]! -= 1;
    assert(typeCount[mfn]! <= count[mfn]!, () => `frame ${mfn} has more types than references`);
    if (count[mfn] === 0) this.release(mfn);
  }

  /** One type reference beside a general one that the caller holds; false on a type conflict or unsound contents. */
  getPageType(mfn: number, type: FrameType): boolean {
    return this.takeType(mfn, TYPE[type]) === 0;
  }

  /** Like `getPageType`, by number and with the reason: -EINVAL; -ENOMEM when the owner has too many tables. */
  takeType(mfn: number, type: number): number {
    const { records } = this;
    assert(records.count[mfn]! > 0, () => `frame ${mfn} is free and gets a type`);
    if (records.typeCount[mfn] === 0) return this.firstType(mfn, type);
    if (records.type[mfn] !== type) return -ERRNO.EINVAL;
    if ((records.flags[mfn]! & FRAME.validated) === 0) return -ERRNO.EINVAL;
    if (records.typeCount[mfn]! >= this.referencesMax) return -ERRNO.EINVAL;
    records.typeCount[mfn]! += 1;
    return 0;
  }

  putPageType(mfn: number, type: FrameType): void {
    const { records } = this;
    assert(records.type[mfn] === TYPE[type], () => `frame ${mfn} is ${this.typeOf(mfn)}, not ${type}`);
    assert(records.typeCount[mfn]! > 0, () => `frame ${mfn} has no type to give back`);
    records.typeCount[mfn]! -= 1;
    if (records.typeCount[mfn] !== 0 || !isTable(records.type[mfn]!)) return;
    this.tables.devalidate(mfn, records.type[mfn]!);
    records.flags[mfn]! &= ~FRAME.validated;
    this.account(records.owner[mfn]! - 1).tables -= 1;
  }

  getPageAndType(mfn: number, domId: number, type: FrameType): boolean {
    return this.takePageAndType(mfn, domId, TYPE[type]) === 0;
  }

  takePageAndType(mfn: number, domId: number, type: number): number {
    if (!this.getPage(mfn, domId)) return -ERRNO.EINVAL;
    const rc = this.takeType(mfn, type);
    if (rc < 0) this.putPage(mfn);
    return rc;
  }

  putPageAndType(mfn: number, type: FrameType): void {
    this.putPageType(mfn, type);
    this.putPage(mfn);
  }

  /** Keeps a table validated while nothing uses it. -EINVAL: not the domain's, unsound, or pinned already. */
  pin(mfn: number, domId: number, level: number): number {
    const rc = this.takePageAndType(mfn, domId, level);
    if (rc < 0) return rc;
    if (this.records.flags[mfn]! & FRAME.pinned) {
      this.putPageAndType(mfn, this.typeOf(mfn));
      return -ERRNO.EINVAL;
    }
    this.records.flags[mfn]! |= FRAME.pinned;
    return 0;
  }

  /** -EINVAL when it is not pinned. */
  unpin(mfn: number): number {
    if (!this.inUse(mfn) || (this.records.flags[mfn]! & FRAME.pinned) === 0) return -ERRNO.EINVAL;
    this.records.flags[mfn]! &= ~FRAME.pinned;
    this.putPageAndType(mfn, this.typeOf(mfn));
    return 0;
  }

  typeOf(mfn: number): FrameType {
    return FRAME_TYPES[this.records.type[mfn]!]!;
  }

  /** The level of a validated table in use, 1 to 4; 0 for anything else. */
  tableLevel(mfn: number): number {
    const { type, typeCount, flags } = this.records;
    if (!this.inUse(mfn) || typeCount[mfn] === 0 || (flags[mfn]! & FRAME.validated) === 0) return 0;
    return isTable(type[mfn]!) ? type[mfn]! : 0;
  }

  private firstType(mfn: number, type: number): number {
    const { records } = this;
    if (records.type[mfn] !== type) {
      records.type[mfn] = type;
      records.flags[mfn]! &= ~FRAME.validated;
    }
    records.typeCount[mfn] = 1;
    if (isTable(type)) {
      const account = this.account(records.owner[mfn]! - 1);
      const rc = account.tables >= tablesMax(account) ? -ERRNO.ENOMEM : this.checkTable(account, mfn, type);
      if (rc < 0) {
        records.typeCount[mfn] = 0;
        return rc;
      }
    }
    records.flags[mfn]! |= FRAME.validated;
    return 0;
  }

  private checkTable(account: FrameAccount, mfn: number, level: number): number {
    account.tables += 1;
    const rc = this.tables.validate(mfn, level);
    if (rc < 0) account.tables -= 1;
    return rc;
  }

  /** The last reference went. */
  private release(mfn: number): void {
    assert(
      (this.records.flags[mfn]! & (FRAME.allocated | FRAME.pinned)) === 0,
      () => `frame ${mfn} is freed while it is held`,
    );
    this.disown(mfn, 0);
    this.scrub(mfn);
  }
}

function isTable(type: number): boolean {
  return type >= TYPE.l1 && type <= TYPE.l4;
}

/** So many that each page of memory has several entries, and no more than can be taken down in one act. */
function tablesMax(account: FrameAccount): number {
  const { tablesPerDomainMin, framesPerTable, tablesPerDomainMax } = LIMITS;
  return Math.min(tablesPerDomainMax, Math.max(tablesPerDomainMin, Math.floor(account.max / framesPerTable)));
}
