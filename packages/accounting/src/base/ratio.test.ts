import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  addRatio,
  ceilRatio,
  compareRatio,
  divideRatio,
  equalRatio,
  floorRatio,
  multiplyRatio,
} from './ratio.js';
import { normaliseRatio, ratio, subtractRatio, sumRatios } from './ratio.js';
import { allocateByLargestRemainder, picoRatioToMinor, roundHalfEven } from './rounding.js';

const SEED = 11;
const big = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n });
const ratios = fc.tuple(big, fc.bigInt({ min: 1n, max: 10n ** 40n })).map(([num, den]) => ratio(num, den));

describe(`exact fractions (seed ${SEED})`, () => {
  test('addition and multiplication obey the laws of a field', () => {
    fc.assert(
      fc.property(ratios, ratios, ratios, (a, b, c) => {
        expect(equalRatio(addRatio(a, b), addRatio(b, a))).toBe(true);
        expect(
          equalRatio(multiplyRatio(a, addRatio(b, c)), addRatio(multiplyRatio(a, b), multiplyRatio(a, c))),
        ).toBe(true);
        expect(equalRatio(subtractRatio(addRatio(a, b), b), a)).toBe(true);
        if (b.num !== 0n) expect(equalRatio(multiplyRatio(divideRatio(a, b), b), a)).toBe(true);
      }),
      { seed: SEED },
    );
  });

  test('floor <= value <= ceil, less than one apart, also below zero', () => {
    fc.assert(
      fc.property(ratios, (a) => {
        expect(compareRatio(ratio(floorRatio(a)), a)).not.toBe(1);
        expect(compareRatio(ratio(ceilRatio(a)), a)).not.toBe(-1);
        expect(ceilRatio(a) - floorRatio(a) <= 1n).toBe(true);
      }),
      { seed: SEED },
    );
    expect([floorRatio(ratio(-7n, 2n)), ceilRatio(ratio(-7n, 2n)), floorRatio(ratio(7n, -2n))]).toEqual([
      -4n,
      -3n,
      -4n,
    ]);
  });

  test('a sum of thousands of terms is exact and keeps its denominator small', () => {
    const terms = Array.from({ length: 3_000 }, (_, index) => ratio(1n, BigInt(1 + (index % 60))));
    const byOne = terms.reduce((sum, term) => normaliseRatio(addRatio(sum, term)), ratio(0n));
    expect(equalRatio(sumRatios(terms), byOne)).toBe(true);
    expect(sumRatios(terms).den < 10n ** 30n).toBe(true);
  });

  test('a denominator of zero is a bug', () => {
    expect(() => ratio(1n, 0n)).toThrow('denominator 0');
  });
});

describe(`B5 rounding (seed ${SEED})`, () => {
  test.each([
    [1n, 2n, 0n],
    [3n, 2n, 2n],
    [5n, 2n, 2n],
    [7n, 2n, 4n],
    [-1n, 2n, 0n],
    [-3n, 2n, -2n],
    [-5n, 2n, -2n],
    [49n, 100n, 0n],
    [51n, 100n, 1n],
    [-51n, 100n, -1n],
  ])('B5: %s/%s rounds half-even to %s', (num, den, rounded) => {
    expect(roundHalfEven(ratio(num, den))).toBe(rounded);
  });

  test('B5: shares add up to the rounded sum, differ from their value by less than one, and ignore the order of parts', () => {
    fc.assert(
      fc.property(fc.array(ratios, { maxLength: 30 }), (values) => {
        const parts = values.map((value, index) => ({ key: `k${String(index).padStart(3, '0')}`, value }));
        const { total, shares } = allocateByLargestRemainder(parts);
        expect(total).toBe(roundHalfEven(sumRatios(values)));
        expect(shares.reduce((sum, share) => sum + share, 0n)).toBe(total);
        shares.forEach((share, index) => {
          const off = subtractRatio(ratio(share), values[index] ?? ratio(0n));
          expect(compareRatio(off, ratio(1n)) < 0 && compareRatio(off, ratio(-1n)) > 0).toBe(true);
        });
        const reversed = allocateByLargestRemainder([...parts].reverse());
        expect([...reversed.shares].reverse()).toEqual(shares);
      }),
      { seed: SEED },
    );
  });

  test('B5: a thousand lines of 0.004 come to 4.00, not to 0', () => {
    const value = picoRatioToMinor(ratio(4_000_000_000n), 'EUR');
    const parts = Array.from({ length: 1_000 }, (_, index) => ({ key: `line-${index}`, value }));
    expect(allocateByLargestRemainder(parts).total).toBe(400n);
  });
});
