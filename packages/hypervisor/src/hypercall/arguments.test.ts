import { describe, expect, test } from '@jest/globals';
import { Arguments, Fault } from './arguments.js';

const errnoOf = (read: () => unknown): string => {
  try {
    return String(read());
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown.errno;
    throw thrown;
  }
};
const throwing = new Proxy(
  {},
  {
    get: () => {
      throw new Error('gotcha');
    },
  },
);

describe('copying in', () => {
  test.each([undefined, null, 7, 'text', 5n, true])('H1 %p is no structure: EFAULT', (structure) => {
    expect(errnoOf(() => new Arguments(structure))).toBe('EFAULT');
  });

  test.each<[string, unknown, string]>([
    ['a number in range', 7, '7'],
    ['a bigint in range', 7n, '7'],
    ['a number below', -1, 'EINVAL'],
    ['a number above', 11, 'EINVAL'],
    ['a fraction', 1.5, 'EINVAL'],
    ['NaN', NaN, 'EINVAL'],
    ['infinity', Infinity, 'EINVAL'],
    ['a huge bigint', 1n << 200n, 'EINVAL'],
    ['a text', '7', 'EFAULT'],
    ['an object that says it is 7', { valueOf: () => 7 }, 'EFAULT'],
    ['nothing', undefined, 'EFAULT'],
  ])('H1 an integer of 0 to 10 given as %s', (_title, value, expected) => {
    expect(errnoOf(() => new Arguments({ value }).integer('value', 0, 10))).toBe(expected);
  });

  test.each<[unknown, string]>([
    [(1n << 64n) - 1n, String((1n << 64n) - 1n)],
    [1n << 64n, 'EINVAL'],
    [-1n, 'EINVAL'],
    [12, '12'],
    [0.5, 'EFAULT'],
    [null, 'EFAULT'],
  ])('H1 an unsigned 64-bit value given as %p', (value, expected) => {
    expect(errnoOf(() => new Arguments({ value }).unsigned64('value'))).toBe(expected);
  });

  test('H1 what throws while it is read is EFAULT, in a structure, a list and bytes alike', () => {
    const call = new Arguments(throwing);
    expect(errnoOf(() => call.integer('a', 0, 1))).toBe('EFAULT');
    expect(errnoOf(() => call.flag('a'))).toBe('EFAULT');
    const { proxy, revoke } = Proxy.revocable([], {});
    revoke();
    expect(errnoOf(() => new Arguments({ list: proxy }).list('list', 4))).toBe('EFAULT');
    const bytes = new Proxy(new Uint8Array(4), {});
    expect(errnoOf(() => new Arguments({ bytes }).bytes('bytes', 4))).toBe('EFAULT');
  });

  test('H1 each field is read once, so a guest that changes it afterwards changes nothing', () => {
    let reads = 0;
    const call = new Arguments({
      get value() {
        reads += 1;
        return reads === 1 ? 3 : 1e9;
      },
    });
    expect(call.integer('value', 0, 10)).toBe(3);
    expect(reads).toBe(1);
  });

  test('H1 a list is measured once, bounded, and its elements are read when their turn comes', () => {
    let length = 2;
    const list = new Proxy([1, 2, 3], {
      get: (target, key) => (key === 'length' ? length : Reflect.get(target, key)),
    });
    const copied = new Arguments({ list }).list('list', 2);
    length = 1e9;
    expect(copied.length).toBe(2);
    expect(copied.integer(1, 0, 9)).toBe(2);
    expect(errnoOf(() => copied.structure(0))).toBe('EFAULT');
    expect(errnoOf(() => new Arguments({ list: [1, 2, 3] }).list('list', 2))).toBe('E2BIG');
    expect(errnoOf(() => new Arguments({ list: { length: 3 } }).list('list', 4))).toBe('EFAULT');
    const lying = new Proxy([], { get: () => 'many' });
    expect(errnoOf(() => new Arguments({ list: lying }).list('list', 4))).toBe('EFAULT');
  });

  test('H1 bytes are a copy', () => {
    const bytes = Uint8Array.of(1, 2, 3);
    const copied = new Arguments({ bytes }).bytes('bytes', 3);
    bytes[0] = 9;
    expect([...copied]).toEqual([1, 2, 3]);
    expect(errnoOf(() => new Arguments({ bytes }).bytes('bytes', 2))).toBe('E2BIG');
  });

  test('H1 bytes that lie about their length are EFAULT, and none of their elements is read', () => {
    const read: PropertyKey[] = [];
    const lying = new Proxy(Object.create(Uint8Array.prototype) as Uint8Array, {
      get: (_target, key) => {
        read.push(key);
        return key !== 'length' ? 7 : read.length === 1 ? 4 : 1_000_000;
      },
    });
    expect(errnoOf(() => new Arguments({ bytes: lying }).bytes('bytes', 4))).toBe('EFAULT');
    expect(read).toEqual([]);
    const bytes = Object.defineProperty(Uint8Array.of(1, 2, 3), 'length', { get: () => 1 });
    expect(errnoOf(() => new Arguments({ bytes }).bytes('bytes', 2))).toBe('E2BIG');
    expect(errnoOf(() => new Arguments({ bytes: new Uint16Array(1) }).bytes('bytes', 2))).toBe('EFAULT');
  });
});
