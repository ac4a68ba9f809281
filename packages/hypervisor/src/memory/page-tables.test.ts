import { describe, expect, test } from '@jest/globals';
import { ERRNO } from '../abi/errno.js';
import { LIMITS } from '../limits.js';
import { AddressSpace } from './address-space.js';
import { buildBootstrapTables } from './bootstrap-tables.js';
import { auditFrames } from './frame-audit.js';
import { FrameTable } from './frame-table.js';
import { DomainMemory } from './guest-memory.js';
import { applyMmuRequest } from './mmu-request.js';
import { ENTRY, entryOf, entryValue, makeEntry, writeEntry } from './page-entry.js';
import { PageTables } from './page-tables.js';

const { present, writable, large, global } = ENTRY;

function rig(options: { frames?: number; pageTables?: boolean; referencesMax?: number } = {}) {
  const frames = new FrameTable(2_048, 5, options.referencesMax);
  const tables = new PageTables(frames);
  frames.openDomain(1, 1_000);
  const initialFrames = frames.allocate(1, options.frames ?? 32) as Uint32Array;
  const space = new AddressSpace(frames, tables, 1, {
    initialFrames,
    pageTables: options.pageTables ?? true,
    vcpus: 1,
  });
  /** Makes an own frame a table by hand: entries as pairs of index and value. */
  const fill = (mfn: number, entries: readonly [number, bigint][]) => {
    for (const [index, value] of entries) writeEntry(frames.bytesOf(mfn), index, entryOf(value));
    return mfn;
  };
  const pin = (mfn: number, level: number) => frames.pin(mfn, 1, level);
  const audit = () => auditFrames(frames, space.references());
  return { frames, tables, space, fill, pin, audit, own: [...initialFrames] };
}

function entry(mfn: number, bits: number): bigint {
  return entryValue(makeEntry(mfn, bits));
}

describe('page tables', () => {
  test('F5 one bad entry among good ones takes nothing', () => {
    const { frames, fill, pin, own, audit } = rig();
    const [table, a, b] = own as [number, number, number];
    const bad = [
      entry(2_000, 0), // Nobody's.
      entry(0, 0), // Xen's.
      entry(b, large),
      entry(b, global),
      entry(b, 0) | (1n << 62n),
      entry(b, 0) | (1n << 51n),
      entry(table, writable), // Itself, to be written.
    ];
    for (const value of bad) {
      fill(table, [
        [0, entry(a, writable)],
        [1, entry(a, 0)],
        [511, value],
      ]);
      expect(pin(table, 1)).toBe(-ERRNO.EINVAL);
      expect([frames.records.count[a], frames.records.typeCount[a], frames.records.count[table]]).toEqual([
        1, 0, 1,
      ]);
      audit();
    }
    fill(table, [[511, entry(b, 0) | (1n << 63n)]]);
    expect(pin(table, 1)).toBe(0);
    expect([frames.records.count[a], frames.records.typeCount[a], frames.typeOf(a)]).toEqual([
      3,
      1,
      'writable',
    ]);
    audit();
  });

  test('F5 a tree is validated from its top and let go with its last use', () => {
    const { frames, fill, pin, own, audit } = rig();
    const [l4, l3, l2, l1, data] = own as [number, number, number, number, number];
    fill(l1, [[3, entry(data, writable)]]);
    fill(l2, [[0, entry(l1, writable)]]);
    fill(l3, [[0, entry(l2, writable)]]);
    fill(l4, [
      [0, entry(l3, writable)],
      [300, entry(l3, 0)],
    ]);
    expect(pin(l4, 4)).toBe(0);
    expect([l4, l3, l2, l1, data].map((mfn) => frames.typeOf(mfn))).toEqual([
      'l4',
      'l3',
      'l2',
      'l1',
      'writable',
    ]);
    expect(frames.records.typeCount[l3]).toBe(2);
    audit();
    // The level in between stays a table while it is pinned itself.
    expect(pin(l2, 2)).toBe(0);
    expect(frames.unpin(l4)).toBe(0);
    expect([frames.tableLevel(l3), frames.tableLevel(l2), frames.tableLevel(l1)]).toEqual([0, 2, 1]);
    audit();
    expect(frames.unpin(l2)).toBe(0);
    expect(frames.records.count[data]).toBe(1);
    expect(frames.unpin(l2)).toBe(-ERRNO.EINVAL);
    audit();
  });

  test('F6 linear entries: of the same level, validated, read-only, and never in a circle', () => {
    const { tables, frames, fill, pin, own, audit } = rig();
    const [a, b, c] = own as [number, number, number];
    expect([pin(a, 2), pin(b, 2)]).toEqual([0, 0]);
    const write = (table: number, index: number, value: bigint) =>
      tables.modify(table, index, entryOf(value), { owner: 1 });
    expect(write(a, 0, entry(b, writable))).toBe(-ERRNO.EINVAL);
    expect(write(a, 0, entry(b, 0))).toBe(0);
    expect(write(b, 0, entry(a, 0))).toBe(-ERRNO.EINVAL);
    fill(c, [[0, entry(a, 0)]]);
    expect(pin(c, 2)).toBe(-ERRNO.EINVAL);
    fill(c, [[0, entry(b, 0)]]);
    expect(pin(c, 2)).toBe(0);
    audit();
    // What a linear entry names stays a table as long as it does.
    expect(frames.unpin(b)).toBe(0);
    expect(frames.tableLevel(b)).toBe(2);
    expect(write(a, 0, 0n)).toBe(0);
    expect(frames.unpin(c)).toBe(0);
    expect(frames.tableLevel(b)).toBe(0);
    audit();
  });

  test('F6 what a guest wrote into the slots of Xen is gone when its top level is validated', () => {
    const { frames, fill, pin, own, audit } = rig();
    const [l4] = own as [number];
    fill(l4, [
      [256, entry(2_000, writable)],
      [271, entry(0, writable)],
    ]);
    expect(pin(l4, 4)).toBe(0);
    expect(frames.bytesOf(l4).every((byte) => byte === 0)).toBe(true);
    audit();
  });

  test('F7 flags change without references, accessed and dirty bits stay when asked, data is written as data', () => {
    const { frames, space, pin, own, audit } = rig();
    const [table, a, data] = own as [number, number, number];
    pin(table, 1);
    const request = (ptr: number, val: bigint) => applyMmuRequest(space, { ptr: BigInt(ptr), val }, 1);
    const at = table * 4096 + 8;
    expect(request(at, entry(a, ENTRY.dirty | ENTRY.accessed))).toBe(0);
    expect(request(at + 2, entry(a, ENTRY.user))).toBe(0);
    expect(frames.bytesOf(table)[8]).toBe(present | ENTRY.user | ENTRY.dirty | ENTRY.accessed);
    expect(request(at, entry(a, ENTRY.user))).toBe(0);
    expect(frames.bytesOf(table)[8]).toBe(present | ENTRY.user);
    expect(request(data * 4096 + 16, 0x1122n)).toBe(0);
    expect([...frames.bytesOf(data).subarray(16, 18)]).toEqual([0x22, 0x11]);
    expect(request(data * 4096 + 4, 1n)).toBe(-ERRNO.EINVAL);
    expect(request(data * 4096 + 3, 1n)).toBe(-ERRNO.ENOSYS);
    expect(request(1, 7n)).toBe(-ERRNO.EINVAL);
    expect(request(a * 4096 + 1, 77n)).toBe(0);
    expect(frames.records.gfn[a]).toBe(78);
    audit();
  });

  test('F1 a reference too many is refused and takes nothing', () => {
    const { frames, fill, pin, own } = rig({ referencesMax: 10 });
    const [table, a] = own as [number, number];
    const entries = Array.from({ length: 10 }, (_, at): [number, bigint] => [at, entry(a, writable)]);
    expect(pin(fill(table, entries), 1)).toBe(-ERRNO.EINVAL);
    expect(frames.records.count[a]).toBe(1);
    fill(table, [[9, 0n]]);
    expect(pin(table, 1)).toBe(0);
    expect(frames.getPage(a, 1)).toBe(false);
  });

  test('F16 a domain has so many tables and no more', () => {
    const { pin, own, audit } = rig({ frames: 200 });
    const most = Math.max(LIMITS.tablesPerDomainMin, Math.floor(1_000 / LIMITS.framesPerTable));
    const codes = own.slice(0, most + 1).map((mfn) => pin(mfn, 1));
    expect(codes).toEqual([...Array.from({ length: most }, () => 0), -ERRNO.ENOMEM]);
    audit();
  });

  test.each([16, 511, 512, 513, 900])(
    'F8 the first tables of %i frames map each, writable but for tables',
    (count) => {
      const { frames, space, audit } = rig({ frames: count });
      const layout = buildBootstrapTables(space, 1);
      const memory = new DomainMemory(space);
      let readOnly = 0;
      for (let gfn = 0; gfn < count; gfn += 1) {
        const at = layout.virtualBase + gfn * 4096;
        expect(memory.load(at, 1)).not.toBeNull();
        const list = memory.load(layout.machineFrameList + gfn * 8, 8) as Uint8Array;
        expect(new DataView(list.buffer).getUint32(0, true)).toBe(space.initialFrames[gfn]);
        if (gfn < space.ordinaryFrames) expect(memory.store(at, Uint8Array.of(1))).toBe(true);
        else if (frames.tableLevel(space.initialFrames[gfn] as number) > 0) {
          expect(memory.store(at, Uint8Array.of(1))).toBe(false);
          readOnly += 1;
        }
      }
      expect(readOnly).toBe(layout.tableFrames);
      expect(memory.load(count * 4096, 1)).toBeNull();
      audit();
    },
  );
});

describe('grants in an address space', () => {
  test('F10 an entry made through a grant goes by its unmap alone, and its table stays one until then', () => {
    const { frames, space, tables, pin, own, audit } = rig();
    frames.openDomain(2, 10);
    const [foreign] = [...(frames.allocate(2, 1) as Uint32Array)] as [number];
    const [table] = own as [number];
    const address = BigInt(table * 4096 + 40);
    const map = () => space.mapGrant(address, foreign, { writable: true, containsPte: true });
    expect(map().status).toBe(-5); // Not a table yet.
    pin(table, 1);
    frames.getPageAndType(foreign, 2, 'writable');
    const { status, place } = map();
    expect(status).toBe(0);
    expect(map().status).toBe(-1);
    expect(tables.modify(table, 5, { low: 0, high: 0 }, { owner: 1 })).toBe(-ERRNO.EPERM);
    expect(frames.unpin(table)).toBe(0);
    expect(frames.tableLevel(table)).toBe(1);
    if (place === null) throw new Error('no place');
    expect(space.isAt(place, address, true)).toBe(true);
    expect(space.isAt(place, address + 8n, true)).toBe(false);
    expect(space.grantAt(place)).toEqual({ mfn: foreign, writable: true });
    space.unmapGrant(place);
    frames.putPageAndType(foreign, 'writable');
    expect(frames.tableLevel(table)).toBe(0);
    audit();
  });

  test('F9 F10 a slot of a map takes a grant only where nothing is, and read-only ones are not written', () => {
    const { frames, space } = rig({ pageTables: false });
    const memory = new DomainMemory(space);
    frames.openDomain(2, 10);
    const [foreign] = [...(frames.allocate(2, 1) as Uint32Array)] as [number];
    frames.bytesOf(foreign)[0] = 9;
    const map = (gfn: number, writes: boolean) =>
      space.mapGrant(BigInt(gfn * 4096), foreign, { writable: writes });
    expect(map(3, true).status).toBe(-1);
    expect(map(space.gfnMax, true).status).toBe(-5);
    const { place } = map(40, false);
    expect(memory.load(40 * 4096, 1)).toEqual(Uint8Array.of(9));
    expect(memory.store(40 * 4096, Uint8Array.of(1))).toBe(false);
    expect(space.machineFrameOf(40)).toBeNull();
    if (place === null) throw new Error('no place');
    space.unmapGrant(place);
    expect(memory.load(40 * 4096, 1)).toBeNull();
    map(40, true);
    expect(memory.store(40 * 4096, Uint8Array.of(1))).toBe(true);
    expect(frames.bytesOf(foreign)[0]).toBe(1);
  });
});
