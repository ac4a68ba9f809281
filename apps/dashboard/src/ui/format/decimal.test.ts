import { describe, expect, test } from '@jest/globals';
import {
  compareDecimals,
  percentOf,
  readDecimal,
  subtractDecimals,
  sumDecimals,
  writeDecimal,
} from './decimal';

describe('decimal text', () => {
  test('is read and written back without loss, at any length', () => {
    for (const text of ['0', '-0.5', '18.4274', '0.000000000001', '123456789012345678901234567890.12']) {
      expect(writeDecimal(readDecimal(text))).toBe(text);
    }
  });

  test('anything but plain decimal text is refused', () => {
    for (const text of ['', '1e3', ' 1', '1.', '.5', '1,000', 'NaN'])
      expect(() => readDecimal(text)).toThrow();
  });

  test('sums are exact where floats are not', () => {
    expect(sumDecimals(['0.1', '0.2'])).toBe('0.3');
    expect(sumDecimals(['9007199254740993.000000000001', '0.000000000001'])).toBe(
      '9007199254740993.000000000002',
    );
    expect(sumDecimals([])).toBe('0');
  });

  test('subtraction and comparison agree, with negatives and unequal scales', () => {
    expect(subtractDecimals('0.0121', '0.003')).toBe('0.0091');
    expect(subtractDecimals('1', '-1')).toBe('2');
    expect(compareDecimals('0.10', '0.1')).toBe(0);
    expect(compareDecimals('-1', '0.1')).toBe(-1);
    expect(compareDecimals('2', '1.999')).toBe(1);
  });

  test('a share of nothing is nothing', () => {
    expect(percentOf('1', '0')).toBe(0);
    expect(percentOf('1.5', '6')).toBe(25);
  });
});
