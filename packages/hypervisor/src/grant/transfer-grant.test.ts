import { describe, expect, test } from '@jest/globals';
import { GNTST, GTF } from '../abi/grant.js';
import { access, GrantRig, OKAY } from './grant-rig.sim.js';

const REF = 9;
const accept = (domid: number, frame = 0) => ({ flags: GTF.acceptTransfer, domid, frame });
const DONE = GTF.acceptTransfer | GTF.transferCommitted | GTF.transferCompleted;

/** Domain 2 awaits a frame from domain 1 in entry 9, as its frame 40; it may have one more than it has. */
function rig(max = 33) {
  const made = new GrantRig();
  made.open(1);
  made.open(2, { max });
  made.offer(2, REF, accept(1, 40));
  return made;
}

describe('giving a frame away', () => {
  test('R10 the frame changes owner with its bytes, and both domains are charged for what they own at once', () => {
    const made = rig();
    const mfn = made.mfn(1, 5);
    made.frames.bytesOf(mfn).fill(0xab);
    const charged = new Map<number, number>();
    made.frames.onOwnedChanged = (domId, frames) => charged.set(domId, frames);
    expect(made.transfer(1, 5, 2, REF)).toBe(OKAY);
    expect([...charged]).toEqual([
      [1, 31],
      [2, 33],
    ]);
    expect([made.frames.ownerOf(mfn), made.mfn(2, 40)]).toEqual([2, mfn]);
    expect(made.of(1).space.machineFrameOf(5)).toBeNull();
    expect([made.flags(2, REF), made.frameIn(2, REF)]).toEqual([DONE, 40]);
    expect(made.frames.records.gfn[mfn]).toBe(40 + 1);
    expect(made.frames.bytesOf(mfn)[17]).toBe(0xab);
    made.check();
  });

  test('R10 a domain with page tables is told the machine frame, and M2P says nothing of it', () => {
    const made = rig();
    made.open(3, { pageTables: true, max: 33 });
    made.offer(3, REF, accept(1));
    const mfn = made.mfn(1, 5);
    expect(made.transfer(1, 5, 3, REF)).toBe(OKAY);
    expect([made.frameIn(3, REF), made.frames.ownerOf(mfn)]).toEqual([mfn, 3]);
    expect(made.frames.records.gfn[mfn]).toBe(0);
    made.check();
  });

  test('R10 only a frame of its own that nobody else refers to: else bad_page, and it keeps it', () => {
    const made = rig();
    made.open(3);
    const kept = () => made.frames.framesOf(1);
    // Not there, not its own, and somebody else's machine frame number.
    for (const frame of [4000, 0xffff_ffff, 2 ** 40])
      expect(made.transfer(1, frame, 2, REF)).toBe(GNTST.bad_page);
    // A frame of its grant table.
    const [table] = made.of(1).frameList(1) as [number];
    expect(made.transfer(1, table, 2, REF)).toBe(GNTST.bad_page);
    // One that another has mapped.
    made.offer(1, 10, access(3, 5));
    const mapped = made.map(3, { dom: 1, ref: 10, gfn: 40, readonly: true });
    expect(made.transfer(1, 5, 2, REF)).toBe(GNTST.bad_page);
    // A pinned page table.
    made.frames.pin(made.mfn(1, 6), 1, 1);
    expect(made.transfer(1, 6, 2, REF)).toBe(GNTST.bad_page);
    // One that it has mapped itself, of another.
    made.offer(3, 11, access(1, 6));
    made.map(1, { dom: 3, ref: 11, gfn: 41 });
    expect(made.transfer(1, 41, 2, REF)).toBe(GNTST.bad_page);
    expect([kept(), made.flags(2, REF)]).toEqual([32, GTF.acceptTransfer]);
    made.check();
    made.unmap(3, mapped.handle, 40);
    expect(made.transfer(1, 5, 2, REF)).toBe(OKAY);
    expect(kept()).toBe(31);
    made.check();
  });

  test('R10 a transfer to a full domain fails and the frame is lost to the sender, scrubbed and free', () => {
    const made = rig(32);
    const mfn = made.mfn(1, 5);
    made.frames.bytesOf(mfn).fill(0xab);
    const free = made.frames.freeFrames;
    expect(made.transfer(1, 5, 2, REF)).toBe(GNTST.general_error);
    expect([made.frames.framesOf(1), made.frames.framesOf(2), made.frames.freeFrames]).toEqual([
      31,
      32,
      free + 1,
    ]);
    expect(made.of(1).space.machineFrameOf(5)).toBeNull();
    expect(made.flags(2, REF)).toBe(GTF.acceptTransfer | GTF.transferCommitted);
    expect([made.frames.ownerOf(mfn), made.frames.writtenBytesOf(mfn)]).toEqual([null, null]);
    made.check();
  });

  test('R10 so does one to nobody, to an entry that awaits none, or none from this sender', () => {
    const made = rig(60);
    expect(made.transfer(1, 5, 77, REF)).toBe(GNTST.bad_domain);
    expect(made.transfer(1, 6, 2, 10)).toBe(GNTST.general_error);
    expect(made.transfer(1, 7, 2, 99_999)).toBe(GNTST.general_error);
    made.offer(2, 10, accept(7));
    expect(made.transfer(1, 8, 2, 10)).toBe(GNTST.general_error);
    made.offer(2, 10, access(1, 5));
    expect(made.transfer(1, 9, 2, 10)).toBe(GNTST.general_error);
    // Its place is taken.
    made.offer(2, 10, accept(1, 6));
    expect(made.transfer(1, 10, 2, 10)).toBe(GNTST.general_error);
    expect([made.frames.framesOf(1), made.frames.framesOf(2)]).toEqual([26, 32]);
    // And no second one arrives in the same entry.
    expect(made.transfer(1, 11, 2, REF)).toBe(OKAY);
    expect(made.transfer(1, 12, 2, REF)).toBe(GNTST.general_error);
    made.check();
  });

  test('R10 an entry that is in use as a grant stays what it was for its users', () => {
    const made = rig();
    made.offer(2, REF, access(1, 5));
    const mapped = made.map(1, { dom: 2, ref: REF, gfn: 40 });
    made.offer(2, REF, { ...accept(1, 41) });
    expect(made.transfer(1, 5, 2, REF)).toBe(OKAY);
    made.check();
    expect(made.unmap(1, mapped.handle, 40)).toBe(OKAY);
    made.check();
  });
});
