import { describe, expect, test } from '@jest/globals';
import { Prng } from '../base/prng.js';
import { FrameTable } from './frame-table.js';

describe('frame table', () => {
  test('M1 every frame has one owner through random allocation and release', () => {
    const seed = 42;
    const prng = new Prng(seed);
    const table = new FrameTable(10_000, 100);
    const held = new Map<number, number>();
    for (let step = 0; step < 250; step += 1) {
      const owner = prng.between(1, 40);
      if (prng.below(2) === 0) {
        const count = prng.between(1, 600);
        const fits = count <= table.freeFrames;
        expect(table.allocate(owner, count)).toBe(fits);
        if (fits) held.set(owner, (held.get(owner) ?? 0) + count);
      } else {
        expect(table.release(owner)).toBe(held.get(owner) ?? 0);
        held.delete(owner);
      }
      const seen = new Set<number>();
      for (const o of held.keys()) {
        for (const { first, count } of table.extentsOf(o))
          for (let f = first; f < first + count; f += 1) seen.add(f);
      }
      const { ownedFrames, freeFrames, xenFrames } = table.recount();
      expect(seen.size).toBe(ownedFrames);
      expect(ownedFrames + freeFrames + xenFrames).toBe(10_000);
    }
  });

  test('M1 an allocation that does not fit takes nothing', () => {
    const table = new FrameTable(100, 10);
    expect(table.allocate(1, 91)).toBe(false);
    expect(table.freeFrames).toBe(90);
    expect(table.allocate(1, 90)).toBe(true);
    expect(table.allocate(2, 1)).toBe(false);
  });
});
