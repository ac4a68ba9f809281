import { describe, expect, test } from '@jest/globals';
import { GNTST, GTF } from '../abi/grant.js';
import { DomainMemory } from '../memory/guest-memory.js';
import { GuestGrants } from '../guest/grants.js';
import { access, GrantRig, OKAY } from './grant-rig.sim.js';

const REF = 9;

function rig() {
  const made = new GrantRig();
  for (const domId of [1, 2, 3]) made.open(domId);
  made.offer(1, REF, access(2, 5));
  return made;
}

/** The grants of a domain as its guest handles them, through its own memory. */
function guestOf(made: GrantRig, domId: number): { grants: GuestGrants; memory: DomainMemory } {
  const { space } = made.of(domId);
  const memory = new DomainMemory(space);
  const frames = made.of(domId).frameList(1);
  return {
    memory,
    grants: new GuestGrants(memory, (at) => BigInt(frames[at] as number) << 12n, frames.length),
  };
}

describe('the life of a grant', () => {
  test('R8 a guest writes entries through its memory, and cannot revoke what is in use', () => {
    const made = rig();
    const { grants, memory } = guestOf(made, 1);
    const other = new DomainMemory(made.of(2).space);
    const ref = grants.grantAccess(2, 6) as number;
    expect(ref).toBeGreaterThanOrEqual(8);
    memory.store(6 << 12, Uint8Array.of(1, 2, 3));
    expect(other.load(40 << 12, 3)).toBeNull();
    const mapped = made.map(2, { dom: 1, ref, gfn: 40 });
    expect(mapped.status).toBe(OKAY);
    expect([...(other.load(40 << 12, 3) ?? [])]).toEqual([1, 2, 3]);
    expect(other.store((40 << 12) + 1, Uint8Array.of(9))).toBe(true);
    expect([...(memory.load(6 << 12, 3) ?? [])]).toEqual([1, 9, 3]);
    expect(grants.endAccess(ref)).toBe(false);
    expect(made.unmap(2, mapped.handle, 40)).toBe(OKAY);
    expect(other.load(40 << 12, 3)).toBeNull();
    expect(grants.endAccess(ref)).toBe(true);
    expect(made.map(2, { dom: 1, ref, gfn: 40 }).status).toBe(GNTST.general_error);
    made.check();
  });

  test('R8 a read-only mapping cannot be written through', () => {
    const made = rig();
    const { grants } = guestOf(made, 1);
    const ref = grants.grantAccess(2, 6, { readonly: true }) as number;
    expect(made.map(2, { dom: 1, ref, gfn: 40 }).status).toBe(GNTST.general_error);
    expect(made.map(2, { dom: 1, ref, gfn: 40, readonly: true }).status).toBe(OKAY);
    const other = new DomainMemory(made.of(2).space);
    expect(other.load(40 << 12, 1)).not.toBeNull();
    expect(other.store(40 << 12, Uint8Array.of(1))).toBe(false);
    made.check();
  });

  test('R8 writing over an entry in use takes nothing away from its user, nor clears more than Xen set', () => {
    const made = rig();
    const mapped = made.map(2, { dom: 1, ref: REF, gfn: 40 });
    made.offer(1, REF, { flags: 0, domid: 0, frame: 0 });
    expect(made.of(2).space.map?.grantAt(40)?.mfn).toBe(made.mfn(1, 5));
    made.check();
    expect(made.unmap(2, mapped.handle, 40)).toBe(OKAY);
    expect(made.flags(1, REF)).toBe(0);
    made.check();
  });

  test('R10 a guest learns of the frame that came to it by its entry', () => {
    const made = new GrantRig();
    made.open(1);
    made.open(2, { max: 40 });
    const { grants, memory } = guestOf(made, 2);
    const awaited = grants.acceptTransfer(1, 50) as number;
    const never = grants.acceptTransfer(1, 51) as number;
    expect(made.transfer(1, 5, 2, awaited)).toBe(OKAY);
    expect(grants.endTransfer(awaited)).toBe(50);
    expect(memory.store(50 << 12, Uint8Array.of(1))).toBe(true);
    expect(grants.endTransfer(never)).toBeNull();
    expect(made.transfer(1, 6, 2, never)).toBe(GNTST.general_error);
    made.check();
  });

  test('R11 destroying the mapper lets go of all it has mapped: flags cleared, references dropped', () => {
    const made = rig();
    const mfn = made.mfn(1, 5);
    for (let at = 0; at < 5; at += 1) made.map(2, { dom: 1, ref: REF, gfn: 40 + at, readonly: at > 2 });
    made.offer(3, REF, access(2, 5));
    made.map(2, { dom: 3, ref: REF, gfn: 60 });
    expect(made.inUse(1, REF)).toBe(GTF.reading | GTF.writing);
    made.destroy(2);
    expect([made.inUse(1, REF), made.inUse(3, REF)]).toEqual([0, 0]);
    expect([made.frames.records.count[mfn], made.frames.records.typeCount[mfn]]).toEqual([1, 0]);
    expect([made.of(1).activeCount, made.of(1).lent.frames]).toEqual([0, 0]);
    made.check();
  });

  test('R11 destroying a mapper with page tables of its own clears the entries first', () => {
    const made = rig();
    made.open(4, { pageTables: true });
    made.offer(1, 10, access(4, 5));
    const l1 = made.buildTables(4);
    expect(made.map(4, { dom: 1, ref: 10, gfn: 7 }).status).toBe(OKAY);
    expect(made.frames.tableLevel(l1)).toBe(1);
    made.destroy(4);
    expect(made.inUse(1, 10)).toBe(0);
    made.check();
  });

  test('R12 a destroyed granter leaves its mapped frames until the mapper lets go, then they are free', () => {
    const made = rig();
    const mfn = made.mfn(1, 5);
    made.frames.bytesOf(mfn).fill(0x5a);
    const mapped = made.map(2, { dom: 1, ref: REF, gfn: 40 });
    made.destroy(1);
    expect(made.frames.recount()).toMatchObject({ zombieFrames: 1 });
    expect(made.frames.knows(1)).toBe(true);
    const memory = new DomainMemory(made.of(2).space);
    expect([...(memory.load(40 << 12, 2) ?? [])]).toEqual([0x5a, 0x5a]);
    expect(made.map(2, { dom: 1, ref: REF, gfn: 41 }).status).toBe(GNTST.bad_domain);
    expect(made.of(2).held.frames).toBe(1);
    made.check();
    expect(made.unmap(2, mapped.handle, 40)).toBe(OKAY);
    expect(made.frames.recount()).toMatchObject({ zombieFrames: 0 });
    expect([made.frames.ownerOf(mfn), made.frames.knows(1), made.of(2).held.frames]).toEqual([
      null,
      false,
      0,
    ]);
    expect(memory.load(40 << 12, 2)).toBeNull();
    made.check();
  });

  test('R12 so they are when the mapper dies too, in either order', () => {
    for (const order of [
      [1, 2],
      [2, 1],
    ]) {
      const made = rig();
      made.map(2, { dom: 1, ref: REF, gfn: 40 });
      made.map(2, { dom: 1, ref: REF, gfn: 41, readonly: true });
      for (const domId of order) {
        made.destroy(domId);
        made.check();
      }
      expect(made.frames.recount()).toMatchObject({ zombieFrames: 0, ownedFrames: 32 });
    }
  });

  test('R12 a frame given back while it is mapped is not used again until the mapper lets go', () => {
    const made = rig();
    const mfn = made.mfn(1, 5);
    const mapped = made.map(2, { dom: 1, ref: REF, gfn: 40 });
    expect(made.frames.giveBack(mfn, 1)).toBe(true);
    made.of(1).space.map?.removeOwn(5);
    expect([made.frames.framesOf(1), made.frames.ownerOf(mfn)]).toEqual([32, 1]);
    made.check();
    expect(made.unmap(2, mapped.handle, 40)).toBe(OKAY);
    expect([made.frames.framesOf(1), made.frames.ownerOf(mfn)]).toEqual([31, null]);
    made.check();
  });

  test('R7 a mapping can be ended though the domain maximum was lowered below its place', () => {
    const made = rig();
    made.frames.setMax(2, 100_000);
    const mapped = made.map(2, { dom: 1, ref: REF, gfn: 69_000 });
    expect(mapped.status).toBe(OKAY);
    made.frames.setMax(2, 1);
    expect(made.of(2).space.gfnMax).toBeLessThan(69_000);
    expect(made.unmap(2, mapped.handle, 69_000)).toBe(OKAY);
    made.check();
  });

  test('R15 entries swap what they say, unless one of them is in use', () => {
    const made = rig();
    made.offer(1, 10, access(3, 6, GTF.readonly));
    const table = made.of(1);
    expect(table.swap(REF, 10)).toBe(OKAY);
    expect([made.flags(1, REF), made.frameIn(1, REF)]).toEqual([GTF.permitAccess | GTF.readonly, 6]);
    expect([made.flags(1, 10), made.frameIn(1, 10)]).toEqual([GTF.permitAccess, 5]);
    expect(table.swap(REF, REF)).toBe(OKAY);
    expect(table.swap(REF, 512)).toBe(GNTST.bad_gntref);
    made.map(2, { dom: 1, ref: 10, gfn: 40 });
    expect(table.swap(REF, 10)).toBe(GNTST.eagain);
    expect(table.swap(10, 11)).toBe(GNTST.eagain);
    made.check();
  });
});
