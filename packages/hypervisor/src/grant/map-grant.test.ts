import { describe, expect, test } from '@jest/globals';
import { GNTMAP, GNTST, GRANT_ENTRIES_PER_FRAME, GTF } from '../abi/grant.js';
import { ENTRY, entryOf, frameIn, isGrant, isWritable, makeEntry, readEntry } from '../memory/page-entry.js';
import { PINS_MAX } from './active-grant.js';
import type { EntryMemory } from './entry-memory.js';
import { access, GrantRig, OKAY } from './grant-rig.sim.js';
import { EXCHANGE_TRIES } from './grant-table.js';

const REF = 9;

/** Domain 1 grants its frame 5 to domain 2 as entry 9. */
function rig(flags = 0) {
  const made = new GrantRig();
  made.open(1);
  made.open(2);
  made.open(3);
  made.offer(1, REF, access(2, 5, flags));
  return made;
}

/** A guest that writes its entry whenever Xen is about to exchange it. */
function meddler(meddle: (memory: EntryMemory, ref: number, time: number) => void) {
  return (memory: EntryMemory): EntryMemory => {
    let times = 0;
    return {
      headerOf: (ref) => memory.headerOf(ref),
      exchangeHeader: (ref, expected, next) => {
        meddle(memory, ref, (times += 1));
        return memory.exchangeHeader(ref, expected, next);
      },
      clearFlags: (ref, flags) => memory.clearFlags(ref, flags),
      setFlags: (ref, flags) => memory.setFlags(ref, flags),
      frameOf: (ref) => memory.frameOf(ref),
      setFrame: (ref, frame) => memory.setFrame(ref, frame),
    };
  };
}

describe('mapping a grant', () => {
  test('R1 a table grows up to its maximum, out of the domain own frames, 512 entries each', () => {
    const made = new GrantRig();
    const table = made.open(1, { frames: 8, max: 10, grantFrames: 1, maxGrantFrames: 4 });
    expect([table.frameCount, made.frames.framesOf(1)]).toEqual([1, 8]);
    expect(table.grow(2)).toBe(true);
    expect([table.entryCount, made.frames.framesOf(1)]).toEqual([2 * GRANT_ENTRIES_PER_FRAME, 9]);
    expect(table.grow(4)).toBe(false);
    expect(made.frames.framesOf(1)).toBe(10);
    expect(table.grow(5)).toBe(false);
    // What it shows the guest are frame numbers of its own that are frames of the table.
    const shown = table.frameList(9).map((gfn) => made.mfn(1, gfn));
    expect(shown).toEqual([...table.space.kernelFrames('grant')]);
    made.check();
  });

  test('R2 the entry must permit access to the caller, and writing unless it maps read-only', () => {
    const made = rig(GTF.readonly);
    expect(made.map(2, { dom: 1, ref: REF, gfn: 40 }).status).toBe(GNTST.general_error);
    expect(made.map(3, { dom: 1, ref: REF, gfn: 40, readonly: true }).status).toBe(GNTST.general_error);
    for (const flags of [GTF.invalid, GTF.acceptTransfer, GTF.transitive, GTF.permitAccess | GTF.subPage]) {
      made.offer(1, 10, { flags, domid: 2, frame: 5 });
      expect(made.map(2, { dom: 1, ref: 10, gfn: 40 }).status).toBe(GNTST.general_error);
      expect(made.flags(1, 10)).toBe(flags);
    }
    expect(made.inUse(1, REF)).toBe(0);
    expect(made.map(2, { dom: 1, ref: REF, gfn: 40, readonly: true }).status).toBe(OKAY);
    expect(made.inUse(1, REF)).toBe(GTF.reading);
    made.check();
  });

  test('R2 what cannot be meant is refused with its own status, and leaves nothing', () => {
    const made = rig();
    expect(made.map(2, { dom: 1, ref: REF, flags: 0 }).status).toBe(GNTST.bad_gntref);
    expect(made.map(2, { dom: 77, ref: REF }).status).toBe(GNTST.bad_domain);
    expect(made.map(2, { dom: 1, ref: GRANT_ENTRIES_PER_FRAME }).status).toBe(GNTST.bad_gntref);
    expect(made.map(2, { dom: 1, ref: 0xffff_ffff }).status).toBe(GNTST.bad_gntref);
    expect(made.map(2, { dom: 1, ref: REF, flags: GNTMAP.deviceMap }).status).toBe(GNTST.general_error);
    expect(made.map(2, { dom: 1, ref: REF, gfn: 1 << 30 }).status).toBe(GNTST.bad_virt_addr);
    // There is memory of its own.
    expect(made.map(2, { dom: 1, ref: REF, gfn: 3 }).status).toBe(GNTST.general_error);
    expect([made.of(2).maptrack.size, made.of(1).activeCount, made.inUse(1, REF)]).toEqual([0, 0, 0]);
    made.check();
  });

  test('R2 while in use Xen believes its own copy: rewriting the entry changes nothing', () => {
    const made = rig();
    const mfn = made.mfn(1, 5);
    const first = made.map(2, { dom: 1, ref: REF, gfn: 40 });
    made.offer(1, REF, access(3, 6, made.inUse(1, REF)));
    expect(made.map(3, { dom: 1, ref: REF, gfn: 40 }).status).toBe(GNTST.general_error);
    const second = made.map(2, { dom: 1, ref: REF, gfn: 41 });
    expect(second.status).toBe(OKAY);
    expect(made.of(2).space.map?.grantAt(41)).toEqual({ mfn, writable: true });
    made.check();
    expect(made.unmap(2, first.handle, 40)).toBe(OKAY);
    expect(made.unmap(2, second.handle, 41)).toBe(OKAY);
    expect(made.inUse(1, REF)).toBe(0);
    // The use is over, so the entry counts again.
    expect(made.map(2, { dom: 1, ref: REF, gfn: 40 }).status).toBe(GNTST.general_error);
    expect(made.map(3, { dom: 1, ref: REF, gfn: 40 }).status).toBe(OKAY);
    expect(made.of(3).space.map?.grantAt(40)?.mfn).toBe(made.mfn(1, 6));
    made.check();
  });

  test('R2 a grant read-only in use is looked at again when somebody wants to write', () => {
    const made = rig();
    made.map(2, { dom: 1, ref: REF, gfn: 40, readonly: true });
    made.offer(1, REF, access(2, 5, GTF.readonly | GTF.reading));
    expect(made.map(2, { dom: 1, ref: REF, gfn: 41 }).status).toBe(GNTST.general_error);
    made.offer(1, REF, access(2, 5, GTF.reading));
    expect(made.map(2, { dom: 1, ref: REF, gfn: 41 }).status).toBe(OKAY);
    expect(made.inUse(1, REF)).toBe(GTF.reading | GTF.writing);
    made.check();
  });

  test('R3 an entry that its guest changes at the same time is tried five times', () => {
    for (const changes of [EXCHANGE_TRIES - 1, EXCHANGE_TRIES]) {
      const made = new GrantRig();
      const interpose = meddler((memory, ref, time) => {
        // Bits that Xen does not care about, another value each time.
        if (time > changes) return;
        memory.clearFlags(ref, 7 << 5);
        memory.setFlags(ref, time << 5);
      });
      made.open(1, { interpose });
      made.open(2);
      made.offer(1, REF, access(2, 5));
      const { status } = made.map(2, { dom: 1, ref: REF, gfn: 40 });
      expect(status).toBe(changes < EXCHANGE_TRIES ? OKAY : GNTST.general_error);
      expect(made.inUse(1, REF)).toBe(changes < EXCHANGE_TRIES ? GTF.reading | GTF.writing : 0);
      made.check();
    }
  });

  test('R3 an entry revoked between look and exchange is not used', () => {
    const made = new GrantRig();
    made.open(1, { interpose: meddler((memory, ref) => memory.clearFlags(ref, GTF.typeMask)) });
    made.open(2);
    made.offer(1, REF, access(2, 5));
    expect(made.map(2, { dom: 1, ref: REF, gfn: 40 }).status).toBe(GNTST.general_error);
    expect(made.flags(1, REF)).toBe(0);
    made.check();
  });

  test('R4 each kind of use is counted up to 128, and no further', () => {
    const made = rig();
    for (let at = 0; at < PINS_MAX; at += 1)
      expect(made.map(2, { dom: 1, ref: REF, gfn: 100 + at, readonly: at % 2 === 0 }).status).toBe(OKAY);
    // 64 readers and 64 writers: there is room for 64 of either.
    for (let at = 0; at < 64; at += 1)
      expect(made.map(2, { dom: 1, ref: REF, gfn: 300 + at }).status).toBe(OKAY);
    expect(made.map(2, { dom: 1, ref: REF, gfn: 400 }).status).toBe(GNTST.general_error);
    expect(made.map(2, { dom: 1, ref: REF, gfn: 400, readonly: true }).status).toBe(GNTST.general_error);
    const [grant] = [...made.of(1).activeGrants()];
    expect(grant).toMatchObject({ hostReaders: 64, hostWriters: PINS_MAX });
    made.check();
    expect(made.unmap(2, made.of(2).maptrack.size - 1, 363)).toBe(OKAY);
    expect(made.map(2, { dom: 1, ref: REF, gfn: 400 }).status).toBe(OKAY);
    made.check();
  });

  test('R5 each mapping holds a reference, a writable one if it writes; the granter cannot type it otherwise', () => {
    const made = rig();
    const mfn = made.mfn(1, 5);
    const { records } = made.frames;
    const one = made.map(2, { dom: 1, ref: REF, gfn: 40 });
    const two = made.map(2, { dom: 1, ref: REF, gfn: 41, readonly: true });
    expect([records.count[mfn], records.typeCount[mfn]]).toEqual([3, 1]);
    expect(made.frames.pin(mfn, 1, 1)).toBeLessThan(0);
    expect(made.unmap(2, one.handle, 40)).toBe(OKAY);
    expect(made.inUse(1, REF)).toBe(GTF.reading);
    expect([records.count[mfn], records.typeCount[mfn]]).toEqual([2, 0]);
    // A page table that others only read is fine, but nobody may then write to it.
    expect(made.frames.pin(mfn, 1, 1)).toBe(0);
    expect(made.map(2, { dom: 1, ref: REF, gfn: 42 }).status).toBe(GNTST.general_error);
    expect(made.inUse(1, REF)).toBe(GTF.reading);
    expect(made.unmap(2, two.handle, 41)).toBe(OKAY);
    expect(made.frames.unpin(mfn)).toBe(0);
    made.check();
  });

  test('R5 only frames of the granter own can be granted: not those it has mapped itself, nor none', () => {
    const made = rig();
    expect(made.map(2, { dom: 1, ref: REF, gfn: 40 }).status).toBe(OKAY);
    made.offer(2, REF, access(3, 40));
    made.offer(2, 10, access(3, 4000));
    made.offer(2, 11, access(3, made.mfn(1, 5)));
    for (const ref of [REF, 10, 11])
      expect(made.map(3, { dom: 2, ref, gfn: 40 }).status).toBe(GNTST.general_error);
    expect([made.of(2).activeCount, made.inUse(2, REF)]).toEqual([0, 0]);
    made.check();
  });

  test('R5 a domain may map a grant to itself', () => {
    const made = rig();
    made.offer(1, 10, access(1, 6));
    const mapped = made.map(1, { dom: 1, ref: 10, gfn: 40 });
    expect(mapped.status).toBe(OKAY);
    expect([made.of(1).held.frames, made.of(1).lent.frames]).toEqual([0, 0]);
    made.check();
    expect(made.unmap(1, mapped.handle, 40)).toBe(OKAY);
    made.check();
  });
});

describe('mapping into page tables', () => {
  function tables() {
    const made = rig();
    made.open(4, { pageTables: true });
    made.offer(1, 20, access(4, 5));
    const l1 = made.buildTables(4);
    return { made, l1, entry: (index: number) => readEntry(made.frames.bytesOf(l1), index) };
  }

  test('R6 at a virtual address or at an entry, with references that only the grant gives back', () => {
    const { made, l1, entry } = tables();
    const mfn = made.mfn(1, 5);
    const byAddress = made.map(4, { dom: 1, ref: 20, gfn: 7 });
    expect(byAddress.status).toBe(OKAY);
    expect([frameIn(entry(7)), isGrant(entry(7)), isWritable(entry(7))]).toEqual([mfn, true, true]);
    // The machine address of entry 0 of the table.
    const flags = GNTMAP.hostMap | GNTMAP.containsPte | GNTMAP.readonly;
    const byEntry = made.map(4, { dom: 1, ref: 20, gfn: l1, flags });
    expect(byEntry.status).toBe(OKAY);
    expect([frameIn(entry(0)), isWritable(entry(0))]).toEqual([mfn, false]);
    // The guest may neither clear nor change such an entry.
    expect(made.tables.modify(l1, 7, entryOf(0n), { owner: 4 })).toBeLessThan(0);
    expect(made.tables.modify(l1, 7, makeEntry(mfn, ENTRY.writable), { owner: 4 })).toBeLessThan(0);
    // Nor map the frame itself.
    expect(made.tables.modify(l1, 9, makeEntry(mfn, 0), { owner: 4 })).toBeLessThan(0);
    made.check();
    expect(made.unmap(4, byAddress.handle, 8)).toBe(GNTST.general_error);
    expect(made.unmap(4, byAddress.handle, 7)).toBe(OKAY);
    expect(made.unmap(4, byEntry.handle, l1)).toBe(OKAY);
    expect([entry(7).low, entry(0).low]).toEqual([0, 0]);
    made.check();
  });

  test('R6 a device part and a CPU part end on their own, at their own addresses', () => {
    const { made } = tables();
    const mfn = made.mfn(1, 5);
    const both = made.map(4, { dom: 1, ref: 20, gfn: 7, flags: GNTMAP.hostMap | GNTMAP.deviceMap });
    expect(both).toMatchObject({ status: OKAY, devBusAddr: BigInt(mfn) << 12n });
    expect([...made.of(1).activeGrants()][0]).toMatchObject({ hostWriters: 1, deviceWriters: 1 });
    expect([made.frames.records.count[mfn], made.frames.records.typeCount[mfn]]).toEqual([3, 2]);
    expect(made.unmap(4, both.handle, 7, 4096n)).toBe(GNTST.general_error);
    expect(made.unmap(4, both.handle, 7)).toBe(OKAY);
    expect(made.inUse(1, 20)).toBe(GTF.reading | GTF.writing);
    made.check();
    // Neither part named: nothing to do. The CPU's part is gone already.
    expect(made.unmap(4, both.handle, 0)).toBe(OKAY);
    expect(made.unmap(4, both.handle, 7)).toBe(OKAY);
    expect(made.unmap(4, both.handle, 0, both.devBusAddr)).toBe(OKAY);
    expect(made.unmap(4, both.handle, 0, both.devBusAddr)).toBe(GNTST.bad_handle);
    expect(made.inUse(1, 20)).toBe(0);
    made.check();
  });
});

describe('ending a use', () => {
  test('R7 handles are the caller own: what another has mapped cannot be named, nor anything twice', () => {
    const made = rig();
    const mapped = made.map(2, { dom: 1, ref: REF, gfn: 40 });
    for (const handle of [mapped.handle, mapped.handle + 1, 0xffff_ffff])
      expect(made.unmap(3, handle, 40)).toBe(GNTST.bad_handle);
    expect(made.unmap(2, mapped.handle, 41)).toBe(GNTST.general_error);
    expect(made.unmap(2, mapped.handle, 40)).toBe(OKAY);
    expect(made.unmap(2, mapped.handle, 40)).toBe(GNTST.bad_handle);
    expect(made.of(2).space.map?.isEmpty(40)).toBe(true);
    made.check();
  });

  test('R7 who has mapped as much as maptrack holds gets no_space until something is unmapped', () => {
    const made = new GrantRig();
    made.open(1);
    made.open(2, { maxMaptrackFrames: 1 });
    for (let ref = 8; ref < 8 + 257; ref += 1) made.offer(1, ref, access(2, 5));
    for (let at = 0; at < 256; at += 1)
      expect(made.map(2, { dom: 1, ref: 8 + at, gfn: 100 + at })).toMatchObject({ status: OKAY, handle: at });
    expect(made.map(2, { dom: 1, ref: 264, gfn: 400 }).status).toBe(GNTST.no_space);
    expect(made.inUse(1, 264)).toBe(0);
    expect(made.unmap(2, 17, 117)).toBe(OKAY);
    expect(made.map(2, { dom: 1, ref: 264, gfn: 400 })).toMatchObject({ status: OKAY, handle: 17 });
    made.check();
  });

  test('R13 the frames a domain holds of others, and has lent, are counted once each', () => {
    const made = rig();
    made.offer(1, 10, access(3, 5));
    const a = made.map(2, { dom: 1, ref: REF, gfn: 40 });
    const b = made.map(2, { dom: 1, ref: REF, gfn: 41 });
    made.map(3, { dom: 1, ref: 10, gfn: 40 });
    const counts = () => [made.of(2).held.frames, made.of(3).held.frames, made.of(1).lent.frames];
    expect(counts()).toEqual([1, 1, 1]);
    made.unmap(2, a.handle, 40);
    expect(counts()).toEqual([1, 1, 1]);
    made.unmap(2, b.handle, 41);
    expect(counts()).toEqual([0, 1, 1]);
    made.destroy(3);
    expect([made.of(2).held.frames, made.of(1).lent.frames]).toEqual([0, 0]);
    made.check();
  });
});
