import { describe, expect, test } from '@jest/globals';
import { RequestRing } from './request-ring.js';

describe('request ring', () => {
  test('H7 a guest that holds one side can change neither its state nor what the other side calls', () => {
    const ring = new RequestRing<number, number>(4);
    const seized = ring as unknown as Record<string, unknown>;
    const gotcha = () => {
      throw new Error('gotcha');
    };
    for (const method of ['takeRequest', 'peekRequest', 'respond', 'requests', 'size', 'requestProduced']) {
      expect(Reflect.set(seized, method, gotcha)).toBe(false);
      expect(Reflect.defineProperty(Reflect.getPrototypeOf(ring) as object, method, { value: gotcha })).toBe(
        false,
      );
    }
    expect(Reflect.ownKeys(ring)).toEqual(['size']);
    expect(ring.request(7)).toBe(true);
    expect([ring.requests, ring.peekRequest(), ring.takeRequest(), ring.size]).toEqual([1, 7, 7, 4]);
    ring.respond(8);
    expect(ring.takeResponse()).toBe(8);
  });
});
