import { assert } from '../base/assert.js';
import { ERRNO } from '../abi/errno.js';
import { LIMITS } from '../limits.js';
import { FrameAccount } from './frame-account.js';
import { FRAME, FRAME_BYTES, FrameRecords, NONE, TYPE } from './frame-records.js';
import { FreeFrames, ORDER_MAX } from './free-frames.js';

export interface FrameCounts {
  ownedFrames: number;
  zombieFrames: number;
  freeFrames: number;
  xenFrames: number;
}

/**
 * Design: who owns which frame, what each owner may have and was promised, and the bytes of frames in use. Whether a
 * frame may go is for the references to say (`FrameTable`).
 * Invariants: every frame is in one owner's list, in one free block, Xen's, or stolen between two acts; owned + zombie +
 * free + Xen = all; frames promised to claims are free; a free frame has no bytes.
 * Units: frames of 4 KiB.
 */
export class FrameOwnership {
  readonly records: FrameRecords;
  readonly free: FreeFrames;
  /** Told what a live domain owns, after each change; during `batch` once at its end. */
  onOwnedChanged: (domId: number, frames: number) => void = () => undefined;
  /** Told when the last zombie of a dead domain is gone, which may be while it is closed. */
  onDead: (domId: number) => void = () => undefined;
  protected readonly accounts = new Map<number, FrameAccount>();
  private readonly contents = new Map<number, Uint8Array>();
  private readonly touched = new Set<FrameAccount>();
  private batches = 0;
  private outstanding = 0;
  private stolen = 0;

  constructor(
    readonly totalFrames: number,
    readonly xenFrames: number,
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
      const { first, order } = block;
      this.own(account, first, 1 << order);
      for (let mfn = first; mfn < first + (1 << order); mfn += 1, filled += 1) mfns[filled] = mfn;
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
    this.own(account, first, count);
    this.ownedBecame(account, account.owned + count);
    return first;
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
    this.take(account, mfn, true);
  }

  private take(account: FrameAccount, mfn: number, returned = false): void {
    assert((this.records.flags[mfn]! & FRAME.stolen) !== 0, () => `frame ${mfn} is not stolen`);
    this.stolen -= 1;
    this.own(account, mfn, 1);
    this.ownedBecame(account, account.owned + 1, returned);
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

  protected inUse(mfn: number): boolean {
    // Out of range, or no number at all, is no element of the array.
    return (this.records.owner[mfn] ?? 0) !== 0;
  }

  protected account(domId: number): FrameAccount {
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

  /** Puts a run of frames at the head of an owner's list, in their order. */
  private own(account: FrameAccount, first: number, frames: number): void {
    const { owner, flags, count, next, previous } = this.records;
    const end = first + frames;
    owner.fill(account.domId + 1, first, end);
    flags.fill(FRAME.allocated, first, end);
    count.fill(1, first, end);
    for (let mfn = first; mfn < end; mfn += 1) {
      next[mfn] = mfn + 1;
      previous[mfn] = mfn - 1;
    }
    previous[first] = NONE;
    next[end - 1] = account.head;
    if (account.head !== NONE) previous[account.head] = end - 1;
    account.head = first;
  }

  /**
   * Frees, of a dead owner's frames, each that nobody else refers to, run by run.
   * @returns Those that are still its own reference's, but somebody else's too.
   */
  protected freeUnshared(account: FrameAccount): number[] {
    const { records } = this;
    const { flags, count, next } = records;
    const shared: number[] = [];
    let mfn = account.head;
    while (mfn !== NONE) {
      const first = mfn;
      let end = first;
      let after = first;
      while (after === end && count[end] === 1 && flags[end]! & FRAME.allocated) {
        after = next[end]!;
        end += 1;
      }
      if (end > first) {
        this.freeRun(account, first, end);
        mfn = after;
        continue;
      }
      if (flags[mfn]! & FRAME.allocated) shared.push(mfn);
      mfn = next[mfn]!;
    }
    return shared;
  }

  /** Frees frames that follow each other in their owner's list as they do in memory. */
  private freeRun(account: FrameAccount, first: number, end: number): void {
    const { records } = this;
    const before = records.previous[first]!;
    const after = records.next[end - 1]!;
    if (before === NONE) account.head = after;
    else records.next[before] = after;
    if (after !== NONE) records.previous[after] = before;
    records.owner.fill(0, first, end);
    records.flags.fill(0, first, end);
    records.count.fill(0, first, end);
    records.type.fill(TYPE.none, first, end);
    records.gfn.fill(0, first, end);
    if (this.contents.size > 0) for (let mfn = first; mfn < end; mfn += 1) this.contents.delete(mfn);
    this.free.giveRun(first, end);
    account.owned -= end - first;
  }

  protected disown(mfn: number, flags: number): void {
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

  /** Whoever gets the frame next finds zeros, and who still has the old bytes in hand no longer reaches the frame. */
  protected scrub(mfn: number): void {
    this.contents.delete(mfn);
    this.records.flags[mfn] = 0;
    this.free.give(mfn);
  }

  private ownedBecame(account: FrameAccount, owned: number, returned = false): void {
    // Growing uses up the promise; shrinking does not renew it, for the frame may have gone to another domain.
    if (account.outstanding > 0 && owned > account.owned && !returned) {
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
