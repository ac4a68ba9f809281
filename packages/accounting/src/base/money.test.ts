import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { currencyCodes, currencyExponent } from './currency.js';
import { formatMinor, formatPico, minorToPico, parsePico, picoPerMinor } from './money.js';

describe('money text', () => {
  test('A5: a pico amount survives its decimal text', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 37n), max: 10n ** 37n }), (amount) => {
        expect(parsePico(formatPico(amount))).toBe(amount);
      }),
      { seed: 12 },
    );
  });

  test.each([
    [0n, '0.00'],
    [4_213_000_000n, '0.004213'],
    [-1n, '-0.000000000001'],
    [12_500_000_000_000n, '12.50'],
  ])('A5: %s pico reads %s', (amount, text) => {
    expect(formatPico(amount)).toBe(text);
  });

  test.each(['', '1.', '.5', '1e3', '0x1', ' 1', '1,5', '1.0000000000001', '--1', 'NaN'])(
    'A5: %j is no amount',
    (text) => {
      expect(parsePico(text)).toBeUndefined();
    },
  );

  test.each([
    ['EUR', 1250n, '12.50'],
    ['JPY', 1250n, '1250'],
    ['KWD', 1250n, '1.250'],
    ['EUR', -5n, '-0.05'],
  ])('B5: %s shows %s minor units as %s', (currency, amount, text) => {
    expect(formatMinor(amount, currency)).toBe(text);
    expect(minorToPico(amount, currency)).toBe(parsePico(text));
  });

  test('B5: the pinned table knows 0, 2 and 3 digits and nothing that is not a code', () => {
    expect([currencyExponent('JPY'), currencyExponent('EUR'), currencyExponent('BHD')]).toEqual([0, 2, 3]);
    expect([currencyExponent('eur'), currencyExponent('XXX'), currencyExponent('__proto__')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(new Set(currencyCodes()).size).toBe(currencyCodes().length);
    expect(() => picoPerMinor('XXX')).toThrow('pinned table');
  });
});
