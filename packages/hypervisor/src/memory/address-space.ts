import { assert } from '../base/assert.js';
import { ERRNO } from '../abi/errno.js';
import { GNTST, type GrantStatus } from '../abi/grant.js';
import { LIMITS } from '../limits.js';
import type { FrameTable } from './frame-table.js';
import { NONE } from './frame-records.js';
import {
  ENTRIES_PER_TABLE,
  ENTRY,
  frameIn,
  isGrant,
  isPresent,
  makeEntry,
  readEntry,
  writeEntry,
} from './page-entry.js';
import { PhysicalMap } from './physical-map.js';
import type { PageTables } from './page-tables.js';
import { splitAddress, tableOf } from './virtual-address.js';

/** Where a grant was mapped: an L1 entry, or a guest frame number. Handed back to unmap it. */
export type GrantPlace = { at: 'entry'; table: number; index: number } | { at: 'gfn'; gfn: number };

/** A frame of the domain's own that Xen writes to, so that no guest can make a page table of it. */
export interface KernelFrame {
  kind: string;
  mfn: number;
}

/**
 * Design: how one domain's addresses become machine frames. An auto-translated domain has a map from guest frame
 * numbers, kept by Xen; a domain with page tables names machine frames in tables of its own, checked by Xen, and each
 * vCPU has a base pointer to a top level.
 * Invariants: each base pointer holds one l4 type and one general reference; each kernel frame one writable type and
 * one general reference; each grant entry one l1 type and one general reference on the table that it stands in.
 */
export class AddressSpace {
  /** Null for a domain with page tables of its own. */
  readonly map: PhysicalMap | null;
  /** Frames of the initial memory, by guest frame number; the builder's list. */
  readonly initialFrames: Uint32Array;
  private readonly bases: Int32Array;
  private readonly userBases: Int32Array;
  private readonly kernel: KernelFrame[] = [];
  private readonly grantEntries = new Map<number, Set<number>>();
  /** Kernel frames are taken from the end of the initial memory, downwards, until the guest runs. */
  private initialEnd: number;
  private sealed = false;
  private closed = false;

  constructor(
    readonly frames: FrameTable,
    readonly tables: PageTables,
    readonly domId: number,
    options: { initialFrames: Uint32Array; pageTables: boolean; vcpus: number },
  ) {
    const { initialFrames } = options;
    this.initialFrames = initialFrames;
    this.initialEnd = initialFrames.length;
    this.bases = new Int32Array(options.vcpus).fill(NONE);
    this.userBases = new Int32Array(options.vcpus).fill(NONE);
    this.map = options.pageTables ? null : new PhysicalMap(initialFrames);
    for (let gfn = 0; gfn < initialFrames.length; gfn += 1) frames.records.gfn[initialFrames[gfn]!] = gfn + 1;
  }

  get translated(): boolean {
    return this.map !== null;
  }

  /** The domain's own machine frame behind a guest frame number (translated), or that frame itself; null when not its own. */
  machineFrameOf(gfn: number): number | null {
    const mfn = this.map === null ? gfn : this.map.ownAt(gfn);
    return mfn !== null && this.frames.ownerOf(mfn) === this.domId ? mfn : null;
  }

  /** Guest frame numbers that the domain may use; what its map costs the host is bounded by the host's own memory. */
  get gfnMax(): number {
    const mostFrames = Math.min(this.frames.totalFrames, this.frames.maxOf(this.domId));
    return Math.max(this.initialFrames.length, mostFrames) + LIMITS.extraGfnsPerDomain;
  }

  // Kernel frames

  /**
   * A frame of the domain's own for `kind` (shared info, grant table, xenstore, console, ...), which Xen may write to:
   * while the domain is built the last one of its memory that is not taken, afterwards a new one within its maximum.
   * Null when there is none.
   */
  allocateKernelFrame(kind: string): number | null {
    const mfn = this.sealed ? this.grow() : this.takeInitialFrame();
    if (mfn === null) return null;
    const held = this.frames.getPageAndType(mfn, this.domId, 'writable');
    assert(held, () => `domain ${this.domId}: kernel frame ${mfn} is in use`);
    this.kernel.push({ kind, mfn });
    return mfn;
  }

  /** The last frame of the initial memory that is not taken; null when all are, or the guest has begun to use them. */
  takeInitialFrame(): number | null {
    if (this.sealed || this.initialEnd === 0) return null;
    this.initialEnd -= 1;
    return this.initialFrames[this.initialEnd]!;
  }

  /** From now on the initial memory is the guest's. */
  seal(): void {
    this.sealed = true;
  }

  /** Frames at the start of the initial memory that nobody took. */
  get ordinaryFrames(): number {
    return this.initialEnd;
  }

  kernelFrames(kind?: string): readonly number[] {
    return this.kernel.filter((k) => kind === undefined || k.kind === kind).map((k) => k.mfn);
  }

  // Base pointers

  baseOf(vcpu: number): number | null {
    const base = this.bases[vcpu] ?? NONE;
    return base === NONE ? null : base;
  }

  /** Another top level table for a vCPU; its reference is taken before the old one goes. -EINVAL, -EOPNOTSUPP. */
  setBase(vcpu: number, mfn: number, which: 'kernel' | 'user' = 'kernel'): number {
    if (this.translated) return -ERRNO.EOPNOTSUPP;
    const bases = which === 'kernel' ? this.bases : this.userBases;
    const rc = this.frames.takePageAndType(mfn, this.domId, 4);
    if (rc < 0) return rc;
    this.dropBase(bases, vcpu);
    bases[vcpu] = mfn;
    return 0;
  }

  clearUserBase(vcpu: number): void {
    this.dropBase(this.userBases, vcpu);
  }

  // Grants

  /**
   * Makes a frame that the caller holds references on reachable for this domain. `hostAddress` is a machine address of
   * an L1 entry (`containsPte`) or a virtual one for page-table domains, a guest-physical address otherwise.
   * An address that cannot be mapped is `bad_virt_addr`; an entry that is there, or of another grant, `general_error`.
   */
  mapGrant(
    hostAddress: bigint,
    mfn: number,
    options: { writable: boolean; containsPte?: boolean },
  ): { status: GrantStatus; place: GrantPlace | null } {
    const place = this.placeOf(hostAddress, options.containsPte ?? false);
    if (place === null) return { status: GNTST.bad_virt_addr, place };
    if (place.at === 'gfn') {
      const mapped = this.map?.mapGrant(place.gfn, mfn, options.writable) ?? false;
      return mapped ? { status: GNTST.okay, place } : { status: GNTST.general_error, place: null };
    }
    const { table, index } = place;
    const bytes = this.frames.bytesOf(table);
    const old = readEntry(bytes, index);
    if (isGrant(old)) return { status: GNTST.general_error, place: null };
    if (!this.frames.getPageAndType(table, this.domId, 'l1'))
      return { status: GNTST.general_error, place: null };
    const cleared = this.tables.modify(table, index, { low: 0, high: 0 }, { owner: this.domId });
    assert(cleared === 0, () => `frame ${table}: entry ${index} cannot be cleared`);
    const bits = ENTRY.user | (options.writable ? ENTRY.writable : 0);
    writeEntry(bytes, index, makeEntry(mfn, bits, true));
    this.grantsIn(table).add(index);
    return { status: GNTST.okay, place };
  }

  /** Whether `hostAddress` names the place a grant was mapped at. */
  isAt(place: GrantPlace, hostAddress: bigint, containsPte = false): boolean {
    // The maximum may have been lowered since: a place stays one that can be given up.
    if (place.at === 'gfn') return hostAddress >> 12n === BigInt(place.gfn);
    const named = this.placeOf(hostAddress, containsPte);
    return named?.at === 'entry' && named.table === place.table && named.index === place.index;
  }

  /** Takes a grant's mapping away; the caller then gives its references back. */
  unmapGrant(place: GrantPlace): void {
    if (place.at === 'gfn') {
      this.map?.unmapGrant(place.gfn);
      return;
    }
    const { table, index } = place;
    const entries = this.grantsIn(table);
    assert(entries.delete(index), () => `frame ${table}: entry ${index} holds no grant`);
    if (entries.size === 0) this.grantEntries.delete(table);
    writeEntry(this.frames.bytesOf(table), index, { low: 0, high: 0 });
    this.frames.putPageAndType(table, 'l1');
  }

  /** The frame mapped through a grant at a place, and how; null when there is none. */
  grantAt(place: GrantPlace): { mfn: number; writable: boolean } | null {
    if (place.at === 'gfn') return this.map?.grantAt(place.gfn) ?? null;
    const entry = readEntry(this.frames.bytesOf(place.table), place.index);
    return isGrant(entry) ? { mfn: frameIn(entry), writable: (entry.low & ENTRY.writable) !== 0 } : null;
  }

  // The end, and the audit

  /** Lets go of every reference of Xen's own. Grants have been unmapped before. */
  close(): void {
    assert(this.grantEntries.size === 0, () => `domain ${this.domId} still maps grants`);
    if (this.closed) return;
    this.closed = true;
    for (let vcpu = 0; vcpu < this.bases.length; vcpu += 1) {
      this.dropBase(this.bases, vcpu);
      this.dropBase(this.userBases, vcpu);
    }
    for (const { mfn } of this.kernel) this.frames.putPageAndType(mfn, 'writable');
    this.kernel.length = 0;
    this.map?.clear();
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** Every reference this address space holds, beside those of table entries. */
  *references(): Generator<{ mfn: number; type: 'l1' | 'l4' | 'writable' }> {
    for (const bases of [this.bases, this.userBases])
      for (const mfn of bases) if (mfn !== NONE) yield { mfn, type: 'l4' };
    for (const { mfn } of this.kernel) yield { mfn, type: 'writable' };
    for (const [table, entries] of this.grantEntries)
      for (let at = 0; at < entries.size; at += 1) yield { mfn: table, type: 'l1' };
  }

  private dropBase(bases: Int32Array, vcpu: number): void {
    const old = bases[vcpu]!;
    bases[vcpu] = NONE;
    if (old !== NONE) this.frames.putPageAndType(old, 'l4');
  }

  private grantsIn(table: number): Set<number> {
    let entries = this.grantEntries.get(table);
    if (entries === undefined) {
      entries = new Set();
      this.grantEntries.set(table, entries);
    }
    return entries;
  }

  private placeOf(hostAddress: bigint, containsPte: boolean): GrantPlace | null {
    if (hostAddress < 0n || hostAddress >= 1n << 64n) return null;
    if (this.map !== null) {
      const gfn = hostAddress >> 12n;
      if (containsPte || gfn >= BigInt(this.gfnMax)) return null;
      return { at: 'gfn', gfn: Number(gfn) };
    }
    if (!containsPte) {
      const path = splitAddress(hostAddress);
      return path === null ? null : this.entryFor(path);
    }
    const table = Number(hostAddress >> 12n);
    const offset = Number(hostAddress & 0xfffn);
    if (offset % 8 !== 0 || this.frames.ownerOf(table) !== this.domId) return null;
    return this.frames.tableLevel(table) === 1 ? { at: 'entry', table, index: offset / 8 } : null;
  }

  /** The L1 entry that maps a virtual address of vCPU 0's tables, present or not. */
  private entryFor(path: readonly number[]): GrantPlace | null {
    return this.leafOf(this.currentVcpu, path);
  }

  /** The vCPU that executes; page walks of the guest and of its hypercalls use its base pointer. */
  currentVcpu = 0;

  /** The L1 table and index for an address in a vCPU's tables; null when no L1 table maps it. */
  leafOf(vcpu: number, path: readonly number[]): { at: 'entry'; table: number; index: number } | null {
    let table = this.baseOf(vcpu);
    if (table === null) return null;
    for (let level = 4; level > 1; level -= 1) {
      const entry = tableOf(this.frames, table, path[4 - level]!);
      if (entry === null || !isPresent(entry)) return null;
      table = frameIn(entry);
    }
    // Through a linear entry the walk ends at a table of another level, whose entries are no leaves.
    if (this.frames.tableLevel(table) !== 1) return null;
    const index = path[3]!;
    assert(index < ENTRIES_PER_TABLE, 'an index beyond a table');
    return { at: 'entry', table, index };
  }

  /** A new frame within the domain's maximum, above its memory. */
  private grow(): number | null {
    const mfn = this.frames.allocateExtent(this.domId, 0);
    if (mfn === null || this.map === null) return mfn;
    const gfn = this.map.firstFree(this.initialFrames.length, this.gfnMax);
    if (gfn === null || !this.map.setOwn(gfn, mfn)) {
      this.frames.giveBack(mfn, this.domId);
      return null;
    }
    this.frames.records.gfn[mfn] = gfn + 1;
    return mfn;
  }
}
