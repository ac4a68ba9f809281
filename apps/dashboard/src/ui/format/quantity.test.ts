import { describe, expect, test } from '@jest/globals';
import { formatBytes, formatCount, formatHeld, formatMib, plural, withoutEndZeros } from './quantity';

describe('quantities', () => {
  test('sizes change unit before a fourth figure', () => {
    expect(formatBytes(0)).toBe('0 B');
    expect(formatBytes('999')).toBe('999 B');
    expect(formatBytes(1000)).toBe('1 KiB');
    expect(formatBytes(1536)).toBe('1.5 KiB');
    expect(formatBytes(13_526_630)).toBe('12.9 MiB');
    expect(formatMib(512)).toBe('512 MiB');
    expect(formatMib('2048')).toBe('2 GiB');
  });

  test('counts of any length are grouped as text', () => {
    expect(formatCount('12345678901234567890')).toBe('12,345,678,901,234,567,890');
    expect(formatCount('1234.5678')).toBe('1,234.5678');
  });

  test('a held quantity reads in the unit people think in', () => {
    expect(formatHeld('3', 'count')).toBe('3');
    expect(formatHeld('1536', 'MiB')).toBe('1.5 GiB');
    expect(formatHeld('4', 'vCPU')).toBe('4 vCPU');
  });

  test('zeros at the end of decimals go, zeros of whole numbers stay', () => {
    const texts = ['20.000000 h', '0.500 GiB', '10 GiB', '100', '0.012345 h'];
    expect(texts.map(withoutEndZeros)).toEqual(['20 h', '0.5 GiB', '10 GiB', '100', '0.012345 h']);
  });

  test('one of something is singular', () => {
    expect([plural(1, 'domain'), plural(2, 'domain'), plural(0, 'entry', 'entries')]).toEqual([
      '1 domain',
      '2 domains',
      '0 entries',
    ]);
  });
});
