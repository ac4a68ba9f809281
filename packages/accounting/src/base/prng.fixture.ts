/** Test data only: a seeded generator (splitmix64), so that a failing run is one number. */
export interface Prng {
  /** Integer in 0..below-1. */
  readonly below: (below: bigint) => bigint;
  readonly chance: (percent: bigint) => boolean;
  readonly pick: <T>(from: readonly T[]) => T;
  readonly shuffle: <T>(from: readonly T[]) => T[];
}

const MASK = (1n << 64n) - 1n;

export function prng(seed: bigint): Prng {
  let state = seed & MASK;
  const next = (): bigint => {
    state = (state + 0x9e3779b97f4a7c15n) & MASK;
    let mixed = state;
    mixed = ((mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
    mixed = ((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn) & MASK;
    return mixed ^ (mixed >> 31n);
  };
  const below = (bound: bigint): bigint =>
    bound <= 0n ? 0n : (next() * (bound > MASK ? next() : 1n)) % bound;
  return {
    below,
    chance: (percent) => below(100n) < percent,
    pick: (from) => from[Number(below(BigInt(from.length)))] as (typeof from)[number],
    shuffle: (from) => {
      const list = [...from];
      for (let place = list.length - 1; place > 0; place -= 1) {
        const other = Number(below(BigInt(place + 1)));
        [list[place], list[other]] = [
          list[other] as (typeof list)[number],
          list[place] as (typeof list)[number],
        ];
      }
      return list;
    },
  };
}

/** The seed of a run: what the environment gives, or the one that stands in the test. */
export function testSeed(given: string | undefined, byDefault: bigint): bigint {
  return given === undefined ? byDefault : BigInt(given);
}
