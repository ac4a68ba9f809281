import type { Prng } from '../base/prng.js';

const LONG_TEXT = 'x'.repeat(5_000);
const LONG_LIST = Object.freeze(new Array<undefined>(100_000));
const BYTES = new Uint8Array(9_000);

/** Values no sound guest would pass: wrong types, bounds of every integer width, things that throw when looked at. */
export function wildValue(prng: Prng): unknown {
  switch (prng.below(12)) {
    case 0:
      return undefined;
    case 1:
      return null;
    case 2:
      return prng.pick([NaN, Infinity, -Infinity, -0, 0.5, -1.5]);
    case 3:
      return prng.pick([-1, 2 ** 31, 2 ** 32, 2 ** 32 - 1, 2 ** 53, Number.MAX_VALUE]);
    case 4:
      return prng.pick([-1n, 1n << 31n, 1n << 32n, (1n << 64n) - 1n, 1n << 64n, -(1n << 200n)]);
    case 5:
      return prng.pick(['', '0', 'constructor', '__proto__', '\u0000', LONG_TEXT]);
    case 6:
      return throwing();
    case 7:
      return cyclic();
    case 8:
      return prng.below(4) === 0 ? LONG_LIST : new Array(prng.pick([0, 1, 3]));
    case 9:
      return { length: prng.pick([3, -1, 1e9]) };
    case 10:
      return () => prng.below(10);
    default:
      return prng.below(2) === 0 ? BYTES.subarray(0, prng.below(9_000)) : Symbol.iterator;
  }
}

function throwing(): object {
  const fail = () => {
    throw new Error('a guest threw');
  };
  return new Proxy({}, { get: fail, has: fail, ownKeys: fail, getPrototypeOf: fail });
}

function cyclic(): object {
  const loop: { self?: object } = {};
  loop.self = loop;
  return loop;
}
