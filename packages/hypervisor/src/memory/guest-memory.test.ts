import { describe, expect, test } from '@jest/globals';
import type { AddressSpace } from './address-space.js';
import { DomainMemory } from './guest-memory.js';

describe('memory in the hands of a guest', () => {
  test('H7 no guest can put itself between another domain and its memory', () => {
    const memory = new DomainMemory({} as AddressSpace);
    const shared = Reflect.getPrototypeOf(memory) as object;
    for (const method of ['load', 'store', 'pageTables'])
      expect(Reflect.defineProperty(shared, method, { value: () => null })).toBe(false);
    expect(Reflect.ownKeys(memory)).toEqual([]);
  });
});
