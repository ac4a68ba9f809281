import { assert, present } from '../base/assert.js';
import {
  GNTST,
  type GrantStatus,
  GRANT_ENTRIES_PER_FRAME,
  GTF,
  MAPTRACK_ENTRIES_PER_FRAME,
} from '../abi/grant.js';
import type { AddressSpace } from '../memory/address-space.js';
import { ActiveGrant, type PinKind } from './active-grant.js';
import { type EntryMemory, FrameEntryMemory } from './entry-memory.js';
import { FrameTally } from './frame-tally.js';
import { Maptrack } from './maptrack.js';

/** How often Xen tries to exchange an entry that its guest changes at the same time. */
export const EXCHANGE_TRIES = 5;

export interface GrantTableOptions {
  space: AddressSpace;
  maxGrantFrames: number;
  maxMaptrackFrames: number;
  /** Stands between Xen and the entries; tests put a guest there that writes at the same time. */
  interpose?: (memory: EntryMemory) => EntryMemory;
}

/** A grant taken into use, or why not. */
export type PinAnswer = ActiveGrant | GrantStatus;

/**
 * Design: one domain's side of granting: the entries it offers (bytes of frames of its own that Xen keeps), which of
 * them are in use, and what it has itself mapped of others. What an entry says is believed once, when its first use
 * begins; then Xen's own copy counts (`ActiveGrant`).
 * Invariants: `reading` is set in an entry exactly while it is in use, `writing` exactly while it is in use for writing,
 * as far as Xen wrote it; an active grant is pinned; a table that its domain left behind (`left`) has no entries.
 * Units: entries of 8 bytes, 512 per frame; frames of 4 KiB.
 */
export class GrantTable {
  readonly domId: number;
  readonly space: AddressSpace;
  readonly maxFrames: number;
  readonly maptrack: Maptrack;
  readonly entries: EntryMemory;
  /** Frames of others that this domain has mapped, and frames of its own that others have. */
  readonly held = new FrameTally();
  readonly lent = new FrameTally();
  /** The domain is gone; what others still map of it is listed here until they let go. */
  left = false;
  /** The machine frames of the table, in order. */
  private readonly tableFrames: number[] = [];
  private readonly active = new Map<number, ActiveGrant>();

  constructor(options: GrantTableOptions) {
    const { space } = options;
    this.domId = space.domId;
    this.space = space;
    this.maxFrames = options.maxGrantFrames;
    this.maptrack = new Maptrack(options.maxMaptrackFrames * MAPTRACK_ENTRIES_PER_FRAME);
    const memory = new FrameEntryMemory((at) =>
      space.frames.bytesOf(present(this.tableFrames[at], 'a frame of the grant table')),
    );
    this.entries = options.interpose?.(memory) ?? memory;
  }

  get frameCount(): number {
    return this.tableFrames.length;
  }

  /** References from 0 to below this exist. */
  get entryCount(): number {
    return this.tableFrames.length * GRANT_ENTRIES_PER_FRAME;
  }

  get activeCount(): number {
    return this.active.size;
  }

  /** The domain's own numbers of the first frames of its table; all ones for one that it gave back. */
  frameList(count: number): number[] {
    const { translated, frames } = this.space;
    const known = this.tableFrames.slice(0, count);
    return translated ? known.map((mfn) => (frames.records.gfn[mfn]! - 1) >>> 0) : known;
  }

  /** Makes the table at least `count` frames long; false when the domain has no room for them. It may be longer then. */
  grow(count: number): boolean {
    if (count > this.maxFrames || this.left) return false;
    while (this.tableFrames.length < count) {
      const mfn = this.space.allocateKernelFrame('grant');
      if (mfn === null) return false;
      this.tableFrames.push(mfn);
    }
    return true;
  }

  /**
   * Takes an entry into use for `userId`, or adds a use to it. Nothing is done when the answer is a status. References
   * to the frame are the caller's.
   */
  pin(ref: number, userId: number, kind: PinKind): PinAnswer {
    if (this.left || ref >= this.entryCount) return GNTST.bad_gntref;
    let grant = this.active.get(ref);
    if (grant !== undefined && (grant.userId !== userId || grant.saturated)) return GNTST.general_error;
    if (grant === undefined || (kind.write && !grant.pinnedForWriting)) {
      const status = this.claim(ref, userId, kind.write);
      if (status !== GNTST.okay) return status;
    }
    if (grant === undefined) {
      const gfn = this.entries.frameOf(ref);
      const mfn = this.space.machineFrameOf(gfn);
      if (mfn === null) {
        this.entries.clearFlags(ref, GTF.reading | GTF.writing);
        return GNTST.bad_page;
      }
      grant = new ActiveGrant(ref, userId, gfn, mfn);
      this.active.set(ref, grant);
    }
    grant.add(kind, 1);
    return grant;
  }

  /** Ends a use. The guest may revoke the entry when nobody has one any more. */
  unpin(grant: ActiveGrant, kind: PinKind): void {
    assert(this.active.get(grant.ref) === grant, () => `grant ${grant.ref} is not in use`);
    const wrote = grant.pinnedForWriting;
    grant.add(kind, -1);
    let done = 0;
    if (wrote && !grant.pinnedForWriting) done |= GTF.writing;
    if (!grant.pinned) {
      done |= GTF.reading;
      this.active.delete(grant.ref);
    }
    if (done !== 0 && !this.left) this.entries.clearFlags(grant.ref, done);
  }

  /** Marks an entry that awaits a frame from `senderId`. */
  commitTransfer(ref: number, senderId: number): boolean {
    if (this.left || ref >= this.entryCount) return false;
    const wanted = (GTF.acceptTransfer | (senderId << 16)) >>> 0;
    return this.exchange(ref, (header) => (header === wanted ? header | GTF.transferCommitted : null));
  }

  /** Tells the guest its new frame: the number first, then that it is there. */
  completeTransfer(ref: number, frame: number): void {
    this.entries.setFrame(ref, frame);
    this.entries.setFlags(ref, GTF.transferCompleted);
  }

  /** Exchanges what two entries say. */
  swap(a: number, b: number): GrantStatus {
    if (a >= this.entryCount || b >= this.entryCount) return GNTST.bad_gntref;
    if (a === b) return GNTST.okay;
    if (this.active.has(a) || this.active.has(b)) return GNTST.eagain;
    const { entries } = this;
    const [headerA, frameA] = [entries.headerOf(a), entries.frameOf(a)];
    const [headerB, frameB] = [entries.headerOf(b), entries.frameOf(b)];
    this.overwrite(a, headerB, frameB);
    this.overwrite(b, headerA, frameA);
    return GNTST.okay;
  }

  /** The domain is gone, and the address space lets go of the table: what is in use lives on in its users' hands. */
  leave(): void {
    this.left = true;
    this.tableFrames.length = 0;
  }

  activeGrants(): IterableIterator<ActiveGrant> {
    return this.active.values();
  }

  /** Sets `reading`, and `writing`, in an entry that permits it (Xen's _set_status_v1). */
  private claim(ref: number, userId: number, write: boolean): GrantStatus {
    const claimed = this.exchange(ref, (header) => {
      const flags = header & 0xffff;
      const permits = (flags & (GTF.typeMask | GTF.subPage)) === GTF.permitAccess && header >>> 16 === userId;
      if (!permits || (write && (flags & GTF.readonly) !== 0)) return null;
      return header | GTF.reading | (write ? GTF.writing : 0);
    });
    return claimed ? GNTST.okay : GNTST.general_error;
  }

  /** Exchanges a header for what `next` makes of it; false when that is null, or the guest keeps changing it. */
  private exchange(ref: number, next: (header: number) => number | null): boolean {
    let header = this.entries.headerOf(ref);
    for (let tried = 0; tried < EXCHANGE_TRIES; tried += 1) {
      const wanted = next(header);
      if (wanted === null) return false;
      const found = this.entries.exchangeHeader(ref, header, wanted >>> 0);
      if (found === header) return true;
      header = found;
    }
    return false;
  }

  private overwrite(ref: number, header: number, frame: number): void {
    this.entries.clearFlags(ref, 0xffff_ffff);
    this.entries.setFrame(ref, frame);
    this.entries.setFlags(ref, header);
  }
}
