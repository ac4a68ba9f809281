import { describe, expect, test } from '@jest/globals';
import { checkAmount, readThresholds } from './policy';

describe('budget form', () => {
  test('amounts are plain decimal text above zero', () => {
    for (const text of ['0.05', '25', '1000.000000001']) expect(checkAmount(text)).toBeUndefined();
    for (const text of ['', '0', '0.00', '-1', '1e3', '1,5', '.5', '1.0000000001'])
      expect(checkAmount(text)).toBeDefined();
  });

  test('thresholds are whole percents, once each and in order', () => {
    expect(readThresholds('100, 50%, 80 80')).toEqual([50, 80, 100]);
    expect(readThresholds('')).toEqual([]);
    for (const text of ['0', '101', '12.5', 'x']) expect(readThresholds(text)).toBeNull();
  });
});
