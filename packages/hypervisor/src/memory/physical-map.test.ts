import { describe, expect, test } from '@jest/globals';
import { Prng } from '../base/prng.js';
import { PhysicalMap } from './physical-map.js';

const FRAMES = 1_000;

/** A full map that counts how many of its slots are looked at. */
function countedMap() {
  const map = new PhysicalMap(Uint32Array.from({ length: FRAMES }, (_, gfn) => gfn));
  let looked = 0;
  const { isEmpty } = map;
  map.isEmpty = (gfn) => {
    looked += 1;
    return isEmpty.call(map, gfn);
  };
  const cost = (act: () => unknown) => {
    looked = 0;
    act();
    return looked;
  };
  return { map, cost };
}

describe('map of guest frame numbers', () => {
  test('H7 asking for the highest number again and again looks at no slot, however empty the map is', () => {
    const { map, cost } = countedMap();
    for (let gfn = 0; gfn < FRAMES; gfn += 1) map.removeOwn(gfn);
    for (let round = 0; round < 3; round += 1) {
      map.setOwn(FRAMES - 1, 7);
      map.removeOwn(FRAMES - 1);
      expect(cost(() => map.highest)).toBe(0);
      expect(map.highest).toBe(FRAMES - 1);
    }
  });

  test('H7 a search in a full map is not done twice', () => {
    const { map, cost } = countedMap();
    expect(cost(() => expect(map.firstFree(10, FRAMES)).toBeNull())).toBeLessThanOrEqual(FRAMES);
    expect(cost(() => expect(map.firstFree(10, FRAMES)).toBeNull())).toBeLessThan(3);
    map.removeOwn(500);
    expect(cost(() => expect(map.firstFree(10, FRAMES)).toBe(500))).toBeLessThan(3);
  });

  test('F11 the first free number is the first one, whatever was filled and emptied meanwhile (seed 5)', () => {
    const prng = new Prng(5);
    const map = new PhysicalMap(Uint32Array.from({ length: 40 }, (_, gfn) => gfn));
    for (let step = 0; step < 5_000; step += 1) {
      const gfn = prng.below(60);
      if (prng.below(2) === 0) map.setOwn(gfn, step);
      else if (prng.below(2) === 0) map.removeOwn(gfn);
      const from = prng.below(50);
      const below = prng.between(from, 60);
      let expected: number | null = null;
      for (let at = from; at < below && expected === null; at += 1) if (map.isEmpty(at)) expected = at;
      expect(map.firstFree(from, below)).toBe(expected);
    }
  });
});
