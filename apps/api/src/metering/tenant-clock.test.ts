import { describe, expect, test } from '@jest/globals';
import { TenantClock } from './tenant-clock.js';

const jumps = [
  { jump: 1, hostId: '', fromUtcNs: 100n, offsetNs: 1_000n },
  { jump: 1, hostId: 'a', fromUtcNs: 98n, offsetNs: 1_000n },
  { jump: 2, hostId: '', fromUtcNs: 200n, offsetNs: 5_000n },
  { jump: 2, hostId: 'b', fromUtcNs: 205n, offsetNs: 5_000n },
];

describe('the clock of a test tenant', () => {
  test('stands at wall time without jumps', () => {
    expect(new TenantClock([]).offsetAt('a', 50n)).toBe(0n);
    expect(new TenantClock([]).now(50n)).toBe(50n);
  });

  test.each([
    ['a', 97n, 0n],
    ['a', 98n, 1_000n],
    ['a', 199n, 1_000n],
    ['a', 200n, 5_000n],
    ['b', 99n, 0n],
    ['b', 100n, 1_000n],
    ['b', 204n, 1_000n],
    ['b', 205n, 5_000n],
  ])('on host %s at %d is ahead by %d, also by jumps the host made no cut for', (hostId, at, offset) => {
    expect(new TenantClock(jumps).offsetAt(hostId, at)).toBe(offset);
  });

  test('does not depend on the order in which the jumps are given', () => {
    expect(new TenantClock([...jumps].reverse()).offsetAt('a', 300n)).toBe(5_000n);
    expect(new TenantClock([...jumps].reverse()).offsetAt('a', 98n)).toBe(1_000n);
  });

  test('of the control plane follows its own rows and counts each jump once', () => {
    const clock = new TenantClock(jumps);
    expect(clock.now(150n)).toBe(1_150n);
    expect(clock.jumpCount).toBe(2);
  });
});
