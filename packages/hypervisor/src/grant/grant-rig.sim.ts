import { ENTRY, makeEntry, writeEntry } from '../memory/page-entry.js';
import { AddressSpace } from '../memory/address-space.js';
import { auditFrames, auditSpace, type HeldReference } from '../memory/frame-audit.js';
import { FrameTable } from '../memory/frame-table.js';
import { PageTables } from '../memory/page-tables.js';
import { GNTMAP, GNTST, GTF, GRANT_ENTRIES_PER_FRAME, GRANT_ENTRY_BYTES } from '../abi/grant.js';
import { auditGrants, grantReferences } from './audit-grants.js';
import { type CopyEnd, copyGrant } from './copy-grant.js';
import type { EntryMemory } from './entry-memory.js';
import { GrantTable } from './grant-table.js';
import { type MapResult, mapGrant, releaseMappings, unmapGrant } from './map-grant.js';
import { transferGrant } from './transfer-grant.js';

export interface PartyOptions {
  frames?: number;
  max?: number;
  pageTables?: boolean;
  grantFrames?: number;
  maxGrantFrames?: number;
  maxMaptrackFrames?: number;
  interpose?: (memory: EntryMemory) => EntryMemory;
}

/** Several domains' grant tables over real frames and address spaces, without the rest of a machine. */
export class GrantRig {
  readonly frames: FrameTable;
  readonly tables: PageTables;
  readonly parties = new Map<number, GrantTable>();

  constructor(totalFrames = 4096) {
    this.frames = new FrameTable(totalFrames, 16);
    this.tables = new PageTables(this.frames);
  }

  open(domId: number, options: PartyOptions = {}): GrantTable {
    const { frames = 32, max = frames, pageTables = false, grantFrames = 1 } = options;
    this.frames.openDomain(domId, max);
    const initialFrames = this.frames.allocate(domId, frames);
    if (initialFrames === null) throw new Error('the rig has too few frames');
    const space = new AddressSpace(this.frames, this.tables, domId, { initialFrames, pageTables, vcpus: 1 });
    const { maxGrantFrames = 4, maxMaptrackFrames = 4, interpose } = options;
    const table = new GrantTable({ space, maxGrantFrames, maxMaptrackFrames, interpose });
    table.grow(grantFrames);
    space.seal();
    this.parties.set(domId, table);
    return table;
  }

  destroy(domId: number): void {
    const table = this.of(domId);
    this.parties.delete(domId);
    releaseMappings(this.frames, table);
    table.leave();
    table.space.close();
    this.frames.closeDomain(domId);
  }

  of(domId: number): GrantTable {
    const table = this.parties.get(domId);
    if (table === undefined) throw new Error(`no domain ${domId}`);
    return table;
  }

  scope(domId: number) {
    const tableOf = (id: number): GrantTable | null => this.parties.get(id) ?? null;
    return { frames: this.frames, caller: this.of(domId), tableOf };
  }

  /** The guest writes an entry. */
  offer(domId: number, ref: number, entry: { flags: number; domid: number; frame: number }): number {
    const [bytes, at] = this.entryBytes(domId, ref);
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, GRANT_ENTRY_BYTES);
    view.setUint32(4, entry.frame, true);
    view.setUint16(2, entry.domid, true);
    view.setUint16(0, entry.flags, true);
    return ref;
  }

  flags(domId: number, ref: number): number {
    const [bytes, at] = this.entryBytes(domId, ref);
    return (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
  }

  inUse(domId: number, ref: number): number {
    return this.flags(domId, ref) & (GTF.reading | GTF.writing);
  }

  frameIn(domId: number, ref: number): number {
    const [bytes, at] = this.entryBytes(domId, ref);
    return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at + 4, true);
  }

  /** Maps for the CPU at guest frame number `gfn` of a translated domain. */
  map(
    domId: number,
    request: { dom: number; ref: number; gfn?: number; readonly?: boolean; flags?: number },
  ): MapResult {
    const { dom, ref, gfn = 0, readonly = false } = request;
    const flags = request.flags ?? GNTMAP.hostMap | (readonly ? GNTMAP.readonly : 0);
    return mapGrant(this.scope(domId), { hostAddr: BigInt(gfn) << 12n, flags, ref, domId: dom });
  }

  unmap(domId: number, handle: number, gfn: number, devBusAddr = 0n): number {
    return unmapGrant(this.scope(domId), { hostAddr: BigInt(gfn) << 12n, devBusAddr, handle });
  }

  copy(domId: number, source: CopyEnd, dest: CopyEnd, more: { length: number; flags: number }): number {
    return copyGrant(this.scope(domId), { source, dest, ...more });
  }

  transfer(domId: number, frame: number, to: number, ref: number): number {
    return transferGrant(this.scope(domId), { frame, domId: to, ref });
  }

  /** The machine frame of a domain's own frame `gfn`. */
  mfn(domId: number, gfn: number): number {
    const mfn = this.of(domId).space.machineFrameOf(gfn);
    if (mfn === null) throw new Error(`domain ${domId} has no frame ${gfn}`);
    return mfn;
  }

  /** Builds page tables for a domain: frames 0 to 3 of it; L1 is frame 3, mapping virtual pages 0 to 511. */
  buildTables(domId: number): number {
    const { space } = this.of(domId);
    const [l4, l3, l2, l1] = space.initialFrames as unknown as [number, number, number, number];
    const link = (table: number, to: number) =>
      writeEntry(this.frames.bytesOf(table), 0, makeEntry(to, ENTRY.writable | ENTRY.user));
    link(l4, l3);
    link(l3, l2);
    link(l2, l1);
    if (space.setBase(0, l4) !== 0) throw new Error('the tables are not sound');
    return l1;
  }

  /** Recounts every reference to every frame, and every use of every grant. */
  check(): void {
    auditGrants(this.parties.values());
    auditFrames(this.frames, this.held());
    for (const { space, maptrack } of this.parties.values())
      auditSpace(
        space,
        [...maptrack.entries()].flatMap(([, { place }]) => (place === null ? [] : [place])),
      );
  }

  private *held(): Generator<HeldReference> {
    for (const table of this.parties.values()) {
      yield* grantReferences(table);
      yield* table.space.references();
    }
  }

  private entryBytes(domId: number, ref: number): [Uint8Array, number] {
    const mfns = this.of(domId).space.kernelFrames('grant');
    const mfn = mfns[Math.floor(ref / GRANT_ENTRIES_PER_FRAME)];
    if (mfn === undefined) throw new Error(`domain ${domId} has no entry ${ref}`);
    return [this.frames.bytesOf(mfn), (ref % GRANT_ENTRIES_PER_FRAME) * GRANT_ENTRY_BYTES];
  }
}

/** What a guest puts into an entry to let `domid` use `frame`. */
export function access(domid: number, frame: number, more = 0) {
  return { flags: GTF.permitAccess | more, domid, frame };
}

export const OKAY = GNTST.okay;
