import { describe, expect, test } from '@jest/globals';
import { perText, quantityText } from './quantity-text.js';

const HOUR = 3_600_000_000_000n;

describe('quantity text', () => {
  test.each([
    [0n, 'ns', '0.000 µs'],
    [800_850n, 'ns', '800.850 µs'],
    [4_377_000_000n, 'ns', '4.377 s'],
    [HOUR, 'ns', '1.000 h'],
    [262_144n * HOUR, 'frame_ns', '1.000 GiB-h'],
    [256n * HOUR - 1n, 'frame_ns', '3599.999 MiB-s'],
    [(1n << 29n) * HOUR, 'byte_ns', '512.000 MiB-h'],
    [12n, 'bytes', '12 B'],
    [1_536n, 'bytes', '1.500 KiB'],
    [7n, 'ops', '7 requests'],
  ] as const)('%d %s reads %s', (quantity, unit, text) => {
    expect(quantityText(quantity, unit)).toBe(text);
  });

  test.each([
    [HOUR, 'ns', 'per hour'],
    [1n << 30n, 'bytes', 'per GiB'],
    [2n << 30n, 'bytes', 'per 2 GiB'],
    [1_000_000n, 'bytes', 'per 1000000 bytes'],
    [1_000_000n, 'ops', 'per 1000000 requests'],
  ] as const)('a price for %d %s reads %s', (perQuantity, unit, text) => {
    expect(perText(perQuantity, unit)).toBe(text);
  });
});
