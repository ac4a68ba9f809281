import { describe, expect, test } from '@jest/globals';
import { Prng } from '../base/prng.js';
import { FrameTable } from './frame-table.js';

describe('frame table', () => {
  test('M1 every frame has one owner through random allocation and release', () => {
    const seed = 42;
    const prng = new Prng(seed);
    const table = new FrameTable(10_000, 100);
    const held = new Map<number, Set<number>>();
    for (let step = 0; step < 400; step += 1) {
      const owner = prng.between(1, 40);
      const count = prng.between(1, 600);
      if (prng.below(2) === 0) {
        if (!table.knows(owner)) table.openDomain(owner, 10_000);
        const fits = count <= table.freeFrames;
        const got = table.allocate(owner, count);
        expect(got !== null).toBe(fits);
        const mine = held.get(owner) ?? new Set();
        for (const mfn of got ?? []) mine.add(mfn);
        held.set(owner, mine);
      } else if (table.knows(owner)) {
        table.closeDomain(owner);
        held.delete(owner);
      }
      const seen = new Set<number>();
      for (const [o, mine] of held) {
        expect(table.framesOf(o)).toBe(mine.size);
        for (const mfn of mine) {
          if (table.ownerOf(mfn) === o) seen.add(mfn);
        }
      }
      const { ownedFrames, freeFrames, xenFrames } = table.recount();
      expect(seen.size).toBe(ownedFrames);
      expect(freeFrames).toBe(table.freeFrames);
      expect(ownedFrames + freeFrames + xenFrames).toBe(10_000);
    }
  });

  test('M1 an allocation that does not fit takes nothing', () => {
    const table = new FrameTable(100, 10);
    table.openDomain(1, 1000);
    table.openDomain(2, 1000);
    expect(table.allocate(1, 91)).toBeNull();
    expect(table.freeFrames).toBe(90);
    expect(table.allocate(1, 90)).toHaveLength(90);
    expect(table.allocate(2, 1)).toBeNull();
  });

  test('F14 what is promised stays free: a frame that its owner gives to another does not renew the promise', () => {
    const table = new FrameTable(100, 10);
    table.openDomain(1, 100);
    table.openDomain(2, 100);
    const [first, second, third] = table.allocate(1, 60) as Uint32Array;
    expect(table.claim(1, 90)).toBe(0);
    expect(table.promisedFrames).toBe(30);
    expect(table.stealPage(first!, 1) && table.assignPage(first!, 2)).toBe(true);
    expect([table.promisedFrames, table.freeFrames]).toEqual([30, 30]);
    // What goes back to where it was taken from has used up nothing.
    expect(table.stealPage(second!, 1)).toBe(true);
    table.returnPage(second!, 1);
    expect(table.promisedFrames).toBe(30);
    expect(table.giveBack(third!, 1)).toBe(true);
    expect(table.promisedFrames).toBeLessThanOrEqual(table.freeFrames);
    expect(table.allocate(1, 30)).toHaveLength(30);
    expect(table.promisedFrames).toBe(0);
  });
});
