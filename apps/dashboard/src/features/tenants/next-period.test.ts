import { describe, expect, test } from '@jest/globals';
import { nextPeriodStart, readMoment } from './next-period';

describe('test clock', () => {
  test('the next period starts with the next month, over the end of a year too', () => {
    expect(nextPeriodStart('2025-11-22T11:00:00Z')).toBe('2025-12-01T00:00:00Z');
    expect(nextPeriodStart('2025-12-31T23:59:59Z')).toBe('2026-01-01T00:00:00Z');
  });

  test('moments are read as UTC; days that do not exist are refused', () => {
    expect(readMoment('2025-12-01')).toBe('2025-12-01T00:00:00Z');
    expect(readMoment(' 2025-12-01 09:30 ')).toBe('2025-12-01T09:30:00Z');
    expect(readMoment('2025-12-01T09:30:15Z')).toBe('2025-12-01T09:30:15Z');
    for (const text of ['', '2025-02-30', '2025-13-01', 'tomorrow']) expect(readMoment(text)).toBeNull();
  });
});
