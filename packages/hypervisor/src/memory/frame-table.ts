import { assert } from '../base/assert.js';
import { ERRNO } from '../abi/errno.js';
import { LIMITS } from '../limits.js';
import { FrameAccount } from './frame-account.js';
import {
  FRAME,
  FRAME_BYTES,
  FrameRecords,
  type FrameType,
  FRAME_TYPES,
  NONE,
  TYPE,
} from './frame-records.js';
import { FreeFrames, ORDER_MAX } from './free-frames.js';

/** What checks a page table's entries and takes their references, and gives them back. `level` is 1 to 4. */
export interface TableContents {
  /** 0, or a negative errno with nothing taken. */
  validate(mfn: number, level: number): number;
  devalidate(mfn: number, level: number): void;
}

export interface FrameCounts {
  ownedFrames: number;
  zombieFrames: number;
  freeFrames: number;
  xenFrames: number;
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
export class FrameTable {
  readonly records: FrameRecords;
  readonly free: FreeFrames;
  /** Told what a live domain owns, after each change; during `batch` once at its end. */
  onOwnedChanged: (domId: number, frames: number) => void = () => undefined;
  /** Told when the last zombie of a dead domain is gone, which may be while it is closed. */
  onDead: (domId: number) => void = () => undefined;
  /** Set by the page tables; without them no frame becomes a table. */
  tables: TableContents = { validate: () => -ERRNO.EINVAL, devalidate: () => undefined };
  private readonly accounts = new Map<number, FrameAccount>();
  private readonly contents = new Map<number, Uint8Array>();
  private readonly touched = new Set<FrameAccount>();
  private batches = 0;
  private outstanding = 0;
  private stolen = 0;

  constructor(
    readonly totalFrames: number,
    readonly xenFrames: number,
    private readonly referencesMax: number = LIMITS.frameReferencesMax,
  ) {
    assert(xenFrames >= 0 && xenFrames <= totalFrames, 'Xen cannot hold more frames than the host has');
    assert(totalFrames <= LIMITS.hostFramesMax, () => `frames: at most ${LIMITS.hostFramesMax}`);
    this.records = new FrameRecords(totalFrames);
    this.free = new FreeFrames(this.records, totalFrames, xenFrames);
  }

  get freeFrames(): number {
    return this.free.count;
  }

  /** Free and promised to nobody. */
  get unclaimedFrames(): number {
    return this.free.count - this.outstanding;
  }

  // Owners

  /** From now on `domId` may own up to `max` frames. */
  openDomain(domId: number, max: number): void {
    assert(!this.accounts.has(domId), () => `domain ${domId} owns frames already`);
    this.accounts.set(domId, new FrameAccount(domId, max));
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
    let mfn = account.head;
    while (mfn !== NONE) {
      // No table is left, so giving one frame back frees no other.
      const next = records.next[mfn]!;
      if (records.flags[mfn]! & FRAME.allocated) this.giveBack(mfn, domId);
      mfn = next;
    }
    if (account.owned === 0) this.accounts.delete(domId);
  }

  /** Whether `domId` owns frames or may do so; a dead one counts while it has zombies. */
  knows(domId: number): boolean {
    return this.accounts.has(domId);
  }

  ownerOf(mfn: number): number | null {
    return this.inUse(mfn) ? this.records.owner[mfn]! - 1 : null;
  }

  framesOf(domId: number): number {
    return this.accounts.get(domId)?.owned ?? 0;
  }

  maxOf(domId: number): number {
    return this.account(domId).max;
  }

  /** May be below what is owned: nothing is taken, and nothing more is given until the domain has shrunk. */
  setMax(domId: number, frames: number): void {
    this.account(domId).max = frames;
  }

  claimOf(domId: number): number {
    return this.accounts.get(domId)?.outstanding ?? 0;
  }

  /**
   * Promises that `domId` will be able to own `frames` in all; 0 ends the promise. -EINVAL: there is one already, or
   * it is not above what is owned, or above the maximum; -ENOMEM: too few unpromised frames.
   */
  claim(domId: number, frames: number): number {
    const account = this.account(domId);
    if (frames === 0) {
      this.outstanding -= account.outstanding;
      account.outstanding = 0;
      return 0;
    }
    if (account.dead || account.outstanding > 0) return -ERRNO.EINVAL;
    if (frames <= account.owned || frames > account.max) return -ERRNO.EINVAL;
    const more = frames - account.owned;
    if (more > this.unclaimedFrames) return -ERRNO.ENOMEM;
    account.outstanding = more;
    this.outstanding += more;
    return 0;
  }

  /** Every frame of a domain, zombies included. */
  *ownedBy(domId: number): Generator<number> {
    const head = this.accounts.get(domId)?.head ?? NONE;
    for (let mfn = head; mfn !== NONE; mfn = this.records.next[mfn]!) yield mfn;
  }

  /** What a dead or living owner is known for, for the audit. */
  allAccounts(): IterableIterator<Readonly<FrameAccount>> {
    return this.accounts.values();
  }

  // Allocation

  /** Gives `count` frames to `domId`; null, and nothing done, when they are not free, promised, or above its maximum. */
  allocate(domId: number, count: number): Uint32Array | null {
    const account = this.account(domId);
    if (!this.mayAssign(account, count) || !this.mayTake(account, count)) return null;
    const mfns = new Uint32Array(count);
    let filled = 0;
    while (filled < count) {
      const block = this.free.takeLargest(Math.min(ORDER_MAX, 31 - Math.clz32(count - filled)));
      assert(block !== null, 'the free count is too high');
      for (let at = 0; at < 1 << block.order; at += 1) {
        this.own(account, block.first + at);
        mfns[filled] = block.first + at;
        filled += 1;
      }
    }
    this.ownedBecame(account, account.owned + count);
    return mfns;
  }

  /** The first of 2^order aligned frames for `domId`; null when there is no such block or it may not have it. */
  allocateExtent(domId: number, order: number): number | null {
    const account = this.account(domId);
    const count = 1 << order;
    if (!this.mayAssign(account, count) || !this.mayTake(account, count)) return null;
    const first = this.free.take(order);
    if (first === null) return null;
    for (let at = 0; at < count; at += 1) this.own(account, first + at);
    this.ownedBecame(account, account.owned + count);
    return first;
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

  /** Takes a frame out of its owner's hands; only when nobody but the owner refers to it. Its bytes stay. */
  stealPage(mfn: number, domId: number): boolean {
    if (this.ownerOf(mfn) !== domId) return false;
    const { flags, count, typeCount } = this.records;
    if ((flags[mfn]! & FRAME.allocated) === 0 || count[mfn] !== 1) return false;
    assert(typeCount[mfn] === 0, () => `frame ${mfn} has more types than references`);
    this.disown(mfn, FRAME.stolen);
    this.stolen += 1;
    return true;
  }

  /** Gives a stolen frame to `domId`; false, and it stays stolen, when that is not there or has its maximum. */
  assignPage(mfn: number, domId: number): boolean {
    const account = this.accounts.get(domId);
    if (account === undefined || !this.mayAssign(account, 1)) return false;
    this.take(account, mfn);
    return true;
  }

  /** Gives a stolen frame back to the owner it was taken from, who may be above its maximum meanwhile. */
  returnPage(mfn: number, domId: number): void {
    const account = this.accounts.get(domId);
    assert(account !== undefined, () => `domain ${domId} has no account of frames`);
    this.take(account, mfn);
  }

  private take(account: FrameAccount, mfn: number): void {
    assert((this.records.flags[mfn]! & FRAME.stolen) !== 0, () => `frame ${mfn} is not stolen`);
    this.stolen -= 1;
    this.own(account, mfn);
    this.ownedBecame(account, account.owned + 1);
  }

  /** Frees a stolen frame. */
  freeStolen(mfn: number): void {
    assert((this.records.flags[mfn]! & FRAME.stolen) !== 0, () => `frame ${mfn} is not stolen`);
    this.stolen -= 1;
    this.scrub(mfn);
  }

  /** Tells each owner's new number of frames once, after `act`. */
  batch<T>(act: () => T): T {
    this.batches += 1;
    try {
      return act();
    } finally {
      this.batches -= 1;
      if (this.batches === 0) {
        const changed = [...this.touched];
        this.touched.clear();
        for (const account of changed) this.announce(account);
      }
    }
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

  // Contents

  /** The 4096 bytes of a frame in use, live until it is freed. */
  bytesOf(mfn: number): Uint8Array {
    let bytes = this.contents.get(mfn);
    if (bytes === undefined) {
      assert(this.inUse(mfn), () => `frame ${mfn} is nobody's and has no contents`);
      bytes = new Uint8Array(FRAME_BYTES);
      this.contents.set(mfn, bytes);
    }
    return bytes;
  }

  /** The bytes of a frame that was written to; null while it is all zeros from its birth. */
  writtenBytesOf(mfn: number): Uint8Array | null {
    return this.contents.get(mfn) ?? null;
  }

  /** All zeros again. */
  clear(mfn: number): void {
    this.contents.get(mfn)?.fill(0);
  }

  /** Counts from the owners' and the free lists' own numbers, for the conservation check. */
  recount(): FrameCounts {
    let ownedFrames = 0;
    let zombieFrames = 0;
    for (const account of this.accounts.values()) {
      if (account.dead) zombieFrames += account.owned;
      else ownedFrames += account.owned;
    }
    return { ownedFrames, zombieFrames, freeFrames: this.free.recount(), xenFrames: this.xenFrames };
  }

  /** Frames between two owners; 0 between any two acts. */
  get stolenFrames(): number {
    return this.stolen;
  }

  get promisedFrames(): number {
    return this.outstanding;
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

  private inUse(mfn: number): boolean {
    // Out of range, or no number at all, is no element of the array.
    return (this.records.owner[mfn] ?? 0) !== 0;
  }

  private account(domId: number): FrameAccount {
    const account = this.accounts.get(domId);
    assert(account !== undefined, () => `domain ${domId} has no account of frames`);
    return account;
  }

  private mayAssign(account: FrameAccount, count: number): boolean {
    return !account.dead && account.owned + count <= account.max;
  }

  /** Frames promised to others are not free for this one. */
  private mayTake(account: FrameAccount, count: number): boolean {
    return count <= this.free.count - (this.outstanding - account.outstanding);
  }

  private own(account: FrameAccount, mfn: number): void {
    const { owner, flags, count, next, previous } = this.records;
    owner[mfn] = account.domId + 1;
    flags[mfn] = FRAME.allocated;
    count[mfn] = 1;
    next[mfn] = account.head;
    previous[mfn] = NONE;
    if (account.head !== NONE) previous[account.head] = mfn;
    account.head = mfn;
  }

  private disown(mfn: number, flags: number): void {
    const { records } = this;
    const account = this.account(records.owner[mfn]! - 1);
    const after = records.next[mfn]!;
    const before = records.previous[mfn]!;
    if (before === NONE) account.head = after;
    else records.next[before] = after;
    if (after !== NONE) records.previous[after] = before;
    records.owner[mfn] = 0;
    records.flags[mfn] = flags;
    records.count[mfn] = 0;
    records.type[mfn] = TYPE.none;
    records.gfn[mfn] = 0;
    this.ownedBecame(account, account.owned - 1);
    if (account.dead && account.owned === 0 && this.accounts.delete(account.domId))
      this.onDead(account.domId);
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

  /** Whoever gets the frame next finds zeros, and who still has the old bytes in hand no longer reaches the frame. */
  private scrub(mfn: number): void {
    this.contents.delete(mfn);
    this.records.flags[mfn] = 0;
    this.free.give(mfn);
  }

  private ownedBecame(account: FrameAccount, owned: number): void {
    if (account.outstanding > 0) {
      // Growing uses up the promise, shrinking restores it, as in Xen.
      const left = Math.max(0, account.outstanding - (owned - account.owned));
      this.outstanding += left - account.outstanding;
      account.outstanding = left;
    }
    account.owned = owned;
    if (this.batches > 0) this.touched.add(account);
    else this.announce(account);
  }

  private announce(account: FrameAccount): void {
    if (!account.dead) this.onOwnedChanged(account.domId, account.owned);
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
