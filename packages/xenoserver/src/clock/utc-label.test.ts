import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { STEP_NS, UtcLabel } from './utc-label.js';

const HOUR_NS = 3_600_000_000_000n;
const BOOT_UTC_NS = 1_763_800_000_000_000_000n;

describe('UtcLabel', () => {
  test('a steady wall clock gives boot UTC plus host time, to the nanosecond', () => {
    const label = new UtcLabel(BOOT_UTC_NS, 0n);
    expect(label.labelOf(123_456_789n)).toBe(BOOT_UTC_NS + 123_456_789n);
    expect(label.correct(HOUR_NS, BOOT_UTC_NS + HOUR_NS + STEP_NS / 2n)).toBeNull();
    expect(label.labelOf(HOUR_NS)).toBe(BOOT_UTC_NS + HOUR_NS);
  });

  test('a forward step moves later labels to the new wall clock at once', () => {
    const label = new UtcLabel(BOOT_UTC_NS, 0n);
    const step = label.correct(1_000n, BOOT_UTC_NS + HOUR_NS);
    expect(step).toEqual({ fromUtcNs: BOOT_UTC_NS + 1_000n, toUtcNs: BOOT_UTC_NS + HOUR_NS });
    expect(label.labelOf(1_001n)).toBe(BOOT_UTC_NS + HOUR_NS + 1n);
  });

  test('a backward step runs labels at half speed until the wall clock has caught up', () => {
    const label = new UtcLabel(BOOT_UTC_NS, 0n);
    label.correct(HOUR_NS, BOOT_UTC_NS);
    expect(label.labelOf(HOUR_NS)).toBe(BOOT_UTC_NS + HOUR_NS);
    expect(label.labelOf(2n * HOUR_NS)).toBe(BOOT_UTC_NS + HOUR_NS + HOUR_NS / 2n);
    expect(label.labelOf(4n * HOUR_NS)).toBe(BOOT_UTC_NS + 3n * HOUR_NS);
    expect(label.correct(4n * HOUR_NS, BOOT_UTC_NS + 3n * HOUR_NS)).toBeNull();
  });

  test('after a restart under a clock set back the first label follows the last durable one', () => {
    const label = new UtcLabel(BOOT_UTC_NS - HOUR_NS, BOOT_UTC_NS);
    expect(label.labelOf(0n)).toBe(BOOT_UTC_NS + 1n);
    expect(label.labelOf(3n * HOUR_NS)).toBe(BOOT_UTC_NS + 2n * HOUR_NS);
  });

  test('labels never go back and hostNsOf is the exact inverse, whatever the wall clock does', () => {
    const moves = fc.array(
      fc.record({ passNs: fc.bigInt(1n, HOUR_NS), stepNs: fc.bigInt(-2n * HOUR_NS, 2n * HOUR_NS) }),
      {
        maxLength: 20,
      },
    );
    fc.assert(
      fc.property(moves, fc.bigInt(0n, HOUR_NS), (list, aheadNs) => {
        let utcNs = BOOT_UTC_NS;
        let hostNs = 0n;
        const label = new UtcLabel(utcNs, utcNs + aheadNs);
        let last = label.labelOf(0n);
        for (const { passNs, stepNs } of list) {
          const instants = [hostNs, hostNs + passNs / 3n, hostNs + passNs - 1n, hostNs + passNs];
          for (const at of instants) {
            const now = label.labelOf(at);
            expect(now).toBeGreaterThanOrEqual(last);
            last = now;
            const back = label.hostNsOf(now);
            expect(label.labelOf(back)).toBe(now);
            expect(back).toBeLessThanOrEqual(at);
            if (back > hostNs) expect(label.labelOf(back - 1n)).toBeLessThan(now);
          }
          hostNs += passNs;
          utcNs += passNs + stepNs;
          label.correct(hostNs, utcNs);
        }
      }),
      { numRuns: 300 },
    );
  });
});
