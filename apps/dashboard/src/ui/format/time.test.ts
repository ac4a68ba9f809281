import { describe, expect, test } from '@jest/globals';
import { formatAgo, formatDuration, formatPeriod, timeToLimit } from './time';

describe('time', () => {
  test('durations use two units at most', () => {
    expect([0, 59, 60, 185, 7200, 273_600].map(formatDuration)).toEqual([
      '0 s',
      '59 s',
      '1 min',
      '3 min 5 s',
      '2 h',
      '3 d 4 h',
    ]);
  });

  test('time to a limit is said in words, and nothing growing is not zero', () => {
    expect(timeToLimit(null)).toBe('not reached at this pace');
    expect(timeToLimit('0')).toBe('reached now');
    expect(timeToLimit('12000')).toBe('about 3 h 20 min at this pace');
    expect(timeToLimit('99999999999')).toBe('more than a year at this pace');
  });

  test('a period is half-open: its end is not its last day', () => {
    const period = { start: '2025-11-01T00:00:00Z', end: '2025-12-01T00:00:00Z' };
    expect(formatPeriod(period)).toBe('1 Nov 2025 – 30 Nov 2025');
    expect(
      formatPeriod({ start: '2025-10-31T23:00:00Z', end: '2025-11-30T23:00:00Z' }, 'Europe/Berlin'),
    ).toBe('1 Nov 2025 – 30 Nov 2025');
  });

  test('the past is coarse near and a date far', () => {
    const now = Date.parse('2025-11-22T12:00:00Z');
    expect(formatAgo('2025-11-22T11:59:58Z', now)).toBe('just now');
    expect(formatAgo('2025-11-22T11:56:00Z', now)).toBe('4 min ago');
    expect(formatAgo('2025-11-10T12:00:00Z', now)).toBe('10 Nov 2025');
  });
});
