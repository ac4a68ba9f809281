import { describe, expect, test } from '@jest/globals';
import { GNTCOPY, GNTST, GTF } from '../abi/grant.js';
import { DOMID_SELF } from '../abi/guest.js';
import { access, GrantRig, OKAY } from './grant-rig.sim.js';

const BOTH = GNTCOPY.sourceGref | GNTCOPY.destGref;
const TEXT = Uint8Array.from({ length: 4096 }, (_, i) => (i * 7) & 0xff);

/** Domain 1 lets domain 2 read its frame 5 (entry 8) and write its frame 6 (entry 9); domain 3 lets it write 5 (entry 8). */
function rig() {
  const made = new GrantRig();
  for (const domId of [1, 2, 3]) made.open(domId);
  made.offer(1, 8, access(2, 5, GTF.readonly));
  made.offer(1, 9, access(2, 6));
  made.offer(3, 8, access(2, 5));
  made.frames.bytesOf(made.mfn(1, 5)).set(TEXT);
  return made;
}
const grant = (domId: number, ref: number, offset = 0) => ({ domId, refOrFrame: ref, offset });
const own = (frame: number, offset = 0) => ({ domId: DOMID_SELF, refOrFrame: frame, offset });

describe('copying', () => {
  test('R9 between two grants of others, exactly the bytes asked for, and nothing stays in use', () => {
    const made = rig();
    expect(made.copy(2, grant(1, 8, 100), grant(3, 8, 4000), { length: 96, flags: BOTH })).toBe(OKAY);
    const bytes = made.frames.bytesOf(made.mfn(3, 5));
    expect([...bytes.subarray(4000)]).toEqual([...TEXT.subarray(100, 196)]);
    expect(bytes.subarray(0, 4000).every((b) => b === 0)).toBe(true);
    expect([made.inUse(1, 8), made.inUse(3, 8), made.of(1).activeCount]).toEqual([0, 0, 0]);
    made.check();
  });

  test('R9 to and from frames of its own, within one frame too', () => {
    const made = rig();
    expect(made.copy(2, grant(1, 8), own(4), { length: 4096, flags: GNTCOPY.sourceGref })).toBe(OKAY);
    expect([...made.frames.bytesOf(made.mfn(2, 4))]).toEqual([...TEXT]);
    expect(made.copy(2, own(4), own(4, 1), { length: 4095, flags: 0 })).toBe(OKAY);
    expect([...made.frames.bytesOf(made.mfn(2, 4)).subarray(1)]).toEqual([...TEXT.subarray(0, 4095)]);
    expect(made.copy(2, own(4, 4096), own(5, 4096), { length: 0, flags: 0 })).toBe(OKAY);
    made.check();
  });

  test('R9 never across the end of a frame', () => {
    const made = rig();
    for (const [from, to, length] of [
      [1, 0, 4096],
      [0, 1, 4096],
      [4096, 0, 1],
      [0, 0, 4097],
      [65_535, 0, 65_535],
    ] as const)
      expect(made.copy(2, grant(1, 8, from), grant(1, 9, to), { length, flags: BOTH })).toBe(
        GNTST.bad_copy_arg,
      );
    expect(made.frames.bytesOf(made.mfn(1, 6)).every((b) => b === 0)).toBe(true);
    made.check();
  });

  test('R9 a frame that is not granted may only be the caller own, by DOMID_SELF', () => {
    const made = rig();
    const raw = { domId: 1, refOrFrame: 5, offset: 0 };
    expect(made.copy(2, raw, own(4), { length: 8, flags: 0 })).toBe(GNTST.permission_denied);
    expect(made.copy(2, own(4), raw, { length: 8, flags: 0 })).toBe(GNTST.permission_denied);
    expect(made.copy(2, { ...raw, domId: 2 }, own(4), { length: 8, flags: 0 })).toBe(GNTST.permission_denied);
    expect(made.copy(2, own(4000), own(4), { length: 8, flags: 0 })).toBe(GNTST.bad_page);
    expect(made.copy(2, own(4), own(0xffff_ffff), { length: 8, flags: 0 })).toBe(GNTST.bad_page);
    made.check();
  });

  test('R9 it needs a grant to read at the source and one to write at the destination', () => {
    const made = rig();
    const copy = (by: number, from: number, to: [number, number]) =>
      made.copy(by, grant(1, from), grant(...to), { length: 8, flags: BOTH });
    expect(copy(2, 8, [1, 8])).toBe(GNTST.general_error);
    expect(copy(3, 8, [1, 9])).toBe(GNTST.general_error);
    expect(copy(2, 9999, [1, 9])).toBe(GNTST.bad_gntref);
    expect(copy(2, 8, [99, 9])).toBe(GNTST.bad_domain);
    expect(made.copy(2, grant(98, 8), own(4), { length: 8, flags: GNTCOPY.sourceGref })).toBe(
      GNTST.bad_domain,
    );
    made.offer(1, 10, access(2, 4000));
    expect(copy(2, 10, [1, 9])).toBe(GNTST.bad_page);
    expect([made.inUse(1, 8), made.inUse(1, 9), made.inUse(1, 10)]).toEqual([0, 0, 0]);
    made.check();
  });

  test('R9 never into a page table', () => {
    const made = rig();
    expect(made.frames.pin(made.mfn(2, 7), 2, 1)).toBe(0);
    expect(made.frames.pin(made.mfn(1, 6), 1, 1)).toBe(0);
    expect(made.copy(2, own(4), own(7), { length: 8, flags: 0 })).toBe(GNTST.general_error);
    expect(made.copy(2, own(4), grant(1, 9), { length: 8, flags: GNTCOPY.destGref })).toBe(
      GNTST.general_error,
    );
    expect(made.inUse(1, 9)).toBe(0);
    expect(made.copy(2, own(7), own(4), { length: 8, flags: 0 })).toBe(OKAY);
    made.frames.unpin(made.mfn(2, 7));
    made.frames.unpin(made.mfn(1, 6));
    made.check();
  });

  test('R9 a grant in use by a mapping can be copied through by its user, and stays in use', () => {
    const made = rig();
    const mapped = made.map(2, { dom: 1, ref: 9, gfn: 40, readonly: true });
    expect(made.copy(2, grant(1, 8), grant(1, 9), { length: 8, flags: BOTH })).toBe(OKAY);
    expect(made.inUse(1, 9)).toBe(GTF.reading);
    expect(made.unmap(2, mapped.handle, 40)).toBe(OKAY);
    made.check();
  });
});
