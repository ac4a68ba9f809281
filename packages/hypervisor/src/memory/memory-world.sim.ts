import { Prng } from '../base/prng.js';
import { AddressSpace, type GrantPlace } from './address-space.js';
import { buildBootstrapTables } from './bootstrap-tables.js';
import { auditFrames, auditSpace, type HeldReference } from './frame-audit.js';
import { FrameTable } from './frame-table.js';
import { DomainMemory } from './guest-memory.js';
import { applyMmuOperation, MMUEXT_COMMANDS } from './mmu-extended.js';
import { applyMmuRequest, updateAddress } from './mmu-request.js';
import { ENTRY } from './page-entry.js';
import { PageTables } from './page-tables.js';
import {
  decreaseReservation,
  exchangeExtents,
  increaseReservation,
  moveInPhysmap,
  populatePhysmap,
} from './reservation.js';

interface Mapping {
  mapper: number;
  mfn: number;
  writable: boolean;
  place: GrantPlace;
}

const DOMAINS = 5;
const DOMAIN_FRAMES = 40;

/**
 * Several domains, some with page tables, that do what they like with a small host, drawn at random: the memory half of
 * a fuzz. `check` recounts everything; each load and store is held against what the domain owns or was granted.
 */
export class MemoryWorld {
  readonly frames: FrameTable;
  readonly tables: PageTables;
  readonly spaces = new Map<number, AddressSpace>();
  readonly did = new Map<string, number>();
  private readonly memories = new Map<number, DomainMemory>();
  private readonly mappings: Mapping[] = [];
  /** References that a privileged domain keeps on others' frames. */
  private readonly kept: { mfn: number; writable: boolean }[] = [];
  private readonly prng: Prng;
  private readonly reached: { domId: number; mfn: number; write: boolean }[] = [];
  private lastDomId = 0;

  constructor(seed: number, totalFrames = 260) {
    this.prng = new Prng(seed);
    this.frames = new FrameTable(totalFrames, 9, 50);
    this.tables = new PageTables(this.frames);
    for (let at = 0; at < DOMAINS; at += 1) this.build();
  }

  /** One random act of a random domain. */
  step(): void {
    const space = this.pickSpace();
    const acts: [string, number, () => boolean][] = [
      ['entry', 30, () => this.writeEntry(space)],
      ['address', 8, () => this.updateAddress(space)],
      ['mmuext', 14, () => this.mmuext(space)],
      ['store', 14, () => this.store(space)],
      ['reservation', 12, () => this.reservation(space)],
      ['exchange', 3, () => this.exchange(space)],
      ['keep', 4, () => this.keep(space)],
      ['let go', 4, () => this.letGo()],
      ['map grant', 6, () => this.mapGrant(space)],
      ['unmap grant', 5, () => this.unmapGrant()],
      ['transfer', 3, () => this.transfer(space)],
      ['kernel frame', 1, () => space.allocateKernelFrame('test') !== null],
      ['claim', 2, () => this.frames.claim(space.domId, this.prng.below(3) * DOMAIN_FRAMES) === 0],
      ['rebuild', 1, () => this.rebuild(space)],
    ];
    let draw = this.prng.below(acts.reduce((sum, [, weight]) => sum + weight, 0));
    for (const [name, weight, act] of acts) {
      draw -= weight;
      if (draw >= 0) continue;
      if (act()) this.did.set(name, (this.did.get(name) ?? 0) + 1);
      return;
    }
  }

  /** Recounts every reference, every owner and every map. */
  check(): void {
    const held: HeldReference[] = [];
    for (const space of this.spaces.values()) held.push(...space.references());
    for (const { mfn, writable } of [...this.kept, ...this.mappings])
      held.push({ mfn, type: writable ? 'writable' : null });
    auditFrames(this.frames, held);
    for (const space of this.spaces.values()) {
      const places = this.mappings.filter((m) => m.mapper === space.domId).map((m) => m.place);
      auditSpace(space, places);
    }
  }

  /** Ends every domain and lets go of everything; the host is then as it was. */
  end(): void {
    for (const space of [...this.spaces.values()]) this.destroy(space);
    while (this.kept.length > 0) this.letGo();
  }

  private build(): void {
    this.lastDomId += 1;
    const domId = this.lastDomId;
    this.frames.openDomain(domId, DOMAIN_FRAMES + 10);
    const initialFrames = this.frames.allocate(domId, DOMAIN_FRAMES) ?? this.frames.allocate(domId, 0);
    if (initialFrames === null) throw new Error('no domain without frames');
    const pageTables = initialFrames.length > 0 && this.prng.below(3) > 0;
    const space = new AddressSpace(this.frames, this.tables, domId, { initialFrames, pageTables, vcpus: 2 });
    if (pageTables) buildBootstrapTables(space, 2);
    space.allocateKernelFrame('shared_info');
    space.seal();
    this.spaces.set(domId, space);
    this.memories.set(domId, new DomainMemory(space, () => (access) => void this.reached.push(access)));
  }

  private rebuild(space: AddressSpace): boolean {
    this.destroy(space);
    this.build();
    return true;
  }

  private destroy(space: AddressSpace): void {
    for (const mapping of this.mappings.filter((m) => m.mapper === space.domId)) this.unmap(mapping);
    this.spaces.delete(space.domId);
    this.memories.delete(space.domId);
    space.close();
    this.frames.closeDomain(space.domId);
  }

  /** A frame that is likely, but not sure, to be the domain's. */
  private frameFor(space: AddressSpace): number {
    if (this.prng.below(12) === 0) return this.prng.below(this.frames.totalFrames + 20);
    const owned = [...this.frames.ownedBy(space.domId)];
    return owned.length === 0 ? 0 : this.prng.pick(owned);
  }

  private tableFor(space: AddressSpace): number {
    const tables = [...this.frames.ownedBy(space.domId)].filter((mfn) => this.frames.tableLevel(mfn) > 0);
    return tables.length === 0 || this.prng.below(5) === 0 ? this.frameFor(space) : this.prng.pick(tables);
  }

  private entryFor(space: AddressSpace): bigint {
    if (this.prng.below(4) === 0) return 0n;
    const bits = [ENTRY.present, ENTRY.present | ENTRY.writable, ENTRY.present | ENTRY.user];
    let value = (BigInt(this.frameFor(space)) << 12n) | BigInt(this.prng.pick(bits));
    if (this.prng.below(20) === 0) value |= 1n << BigInt(this.prng.below(64));
    return value;
  }

  private writeEntry(space: AddressSpace): boolean {
    const index = this.prng.below(8) === 0 ? this.prng.between(254, 273) : this.prng.below(4);
    const command = this.prng.below(12) === 0 ? this.prng.below(4) : 0;
    const ptr = (BigInt(this.tableFor(space)) << 12n) | BigInt(index * 8 + command);
    return applyMmuRequest(space, { ptr, val: this.entryFor(space) }, space.domId) === 0;
  }

  private updateAddress(space: AddressSpace): boolean {
    const va = BigInt(this.prng.below(DOMAIN_FRAMES + 4) * 4096);
    const change = { va, val: this.entryFor(space), owner: space.domId };
    return updateAddress(space, this.prng.below(2), change) === 0;
  }

  private mmuext(space: AddressSpace): boolean {
    const cmd = this.prng.pick(MMUEXT_COMMANDS);
    const mfn = this.prng.below(3) === 0 ? this.tableFor(space) : this.frameFor(space);
    const operation = { cmd, mfn, source: this.frameFor(space), entries: 0, address: 0n };
    return applyMmuOperation({ space, vcpu: this.prng.below(2) }, space, operation) === 0;
  }

  private store(space: AddressSpace): boolean {
    space.currentVcpu = this.prng.below(2);
    const memory = this.memories.get(space.domId) as DomainMemory;
    const address = this.prng.below((DOMAIN_FRAMES + 4) * 4096);
    this.reached.length = 0;
    // Half of what is stored looks like page table entries.
    const bytes = new Uint8Array(16).fill(this.prng.below(256));
    bytes[0] = (bytes[0]! & 0xfe) | this.prng.below(2);
    const did = this.prng.below(2) === 0 ? memory.store(address, bytes) : memory.load(address, 64) !== null;
    for (const access of this.reached) this.checkReached(access);
    return did;
  }

  private checkReached({ domId, mfn, write }: { domId: number; mfn: number; write: boolean }): void {
    const owner = this.frames.ownerOf(mfn);
    const granted = this.mappings.some((m) => m.mapper === domId && m.mfn === mfn && (m.writable || !write));
    if (owner !== domId && !granted) throw new Error(`domain ${domId} reached frame ${mfn} of ${owner}`);
    if (write && this.frames.tableLevel(mfn) > 0) throw new Error(`domain ${domId} wrote to table ${mfn}`);
  }

  private reservation(space: AddressSpace): boolean {
    const order = this.prng.below(6) === 0 ? this.prng.below(4) : 0;
    const gfn = this.prng.below(DOMAIN_FRAMES + 12);
    switch (this.prng.below(4)) {
      case 0:
        return increaseReservation(space, order) !== null;
      case 1:
        return this.isZero(populatePhysmap(space, gfn, order));
      case 2:
        return moveInPhysmap(space, gfn, this.prng.below(DOMAIN_FRAMES + 12)) === 0;
      default:
        return decreaseReservation(space, space.translated ? gfn : this.frameFor(space), order);
    }
  }

  /** A frame that was just given to a domain has none of its last owner's bytes. */
  private isZero(mfn: number | null): boolean {
    if (mfn !== null && this.frames.writtenBytesOf(mfn)?.some((byte) => byte !== 0))
      throw new Error(`frame ${mfn} has a new owner and old bytes`);
    return mfn !== null;
  }

  private exchange(space: AddressSpace): boolean {
    const base = this.prng.below(DOMAIN_FRAMES);
    const extents = space.translated ? [base, base + 1] : [this.frameFor(space), this.frameFor(space)];
    return typeof exchangeExtents(space, { extents, order: 0 }, { gfns: [base], order: 1 }) !== 'number';
  }

  private keep(space: AddressSpace): boolean {
    const mfn = this.frameFor(space);
    const writable = this.prng.below(2) === 0;
    const { frames } = this;
    const got = writable
      ? frames.getPageAndType(mfn, space.domId, 'writable')
      : frames.getPage(mfn, space.domId);
    if (got) this.kept.push({ mfn, writable });
    return got;
  }

  private letGo(): boolean {
    const [one] = this.kept.splice(this.prng.below(Math.max(1, this.kept.length)), 1);
    if (one === undefined) return false;
    if (one.writable) this.frames.putPageAndType(one.mfn, 'writable');
    else this.frames.putPage(one.mfn);
    return true;
  }

  private mapGrant(space: AddressSpace): boolean {
    const granter = this.pickSpace();
    const mfn = this.frameFor(granter);
    const writable = this.prng.below(2) === 0;
    const { frames } = this;
    const got = writable
      ? frames.getPageAndType(mfn, granter.domId, 'writable')
      : frames.getPage(mfn, granter.domId);
    if (!got) return false;
    const containsPte = !space.translated && this.prng.below(2) === 0;
    const address = containsPte
      ? (BigInt(this.tableFor(space)) << 12n) | BigInt(this.prng.below(6) * 8)
      : BigInt(this.prng.below(DOMAIN_FRAMES + 20) * 4096);
    const { place } = space.mapGrant(address, mfn, { writable, containsPte });
    if (place !== null) this.mappings.push({ mapper: space.domId, mfn, writable, place });
    else if (writable) frames.putPageAndType(mfn, 'writable');
    else frames.putPage(mfn);
    return place !== null;
  }

  private unmapGrant(): boolean {
    if (this.mappings.length === 0) return false;
    this.unmap(this.prng.pick(this.mappings));
    return true;
  }

  private unmap(mapping: Mapping): void {
    this.mappings.splice(this.mappings.indexOf(mapping), 1);
    this.spaces.get(mapping.mapper)?.unmapGrant(mapping.place);
    if (mapping.writable) this.frames.putPageAndType(mapping.mfn, 'writable');
    else this.frames.putPage(mapping.mfn);
  }

  private transfer(from: AddressSpace): boolean {
    const to = this.pickSpace();
    const gfn = from.translated ? this.prng.below(DOMAIN_FRAMES) : this.frameFor(from);
    const mfn = from.machineFrameOf(gfn);
    if (mfn === null || !this.frames.stealPage(mfn, from.domId)) return false;
    from.map?.removeOwn(gfn);
    const slot = this.prng.below(DOMAIN_FRAMES + 12);
    if (!this.frames.assignPage(mfn, to.domId)) {
      this.frames.freeStolen(mfn);
    } else if (to.map?.setOwn(slot, mfn) ?? true) {
      this.frames.records.gfn[mfn] = slot + 1;
    } else {
      this.frames.giveBack(mfn, to.domId);
    }
    return true;
  }

  private pickSpace(): AddressSpace {
    return this.prng.pick([...this.spaces.values()]);
  }
}
