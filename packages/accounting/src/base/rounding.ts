import { assert } from './assert.js';
import { floorRatio, ratio, subtractRatio, sumRatios, compareRatio } from './ratio.js';
import type { Ratio } from './ratio.js';
import { picoPerMinor } from './money.js';

/** The only file that rounds money. Everything else floors for display or carries exact ratios. */

/** Nearest integer; a tie goes to the even neighbour (B5). Works for negatives by symmetry. */
export function roundHalfEven(value: Ratio): bigint {
  const floor = floorRatio(value);
  const twice = (value.num - floor * value.den) * 2n;
  if (twice < value.den) return floor;
  if (twice > value.den) return floor + 1n;
  return floor % 2n === 0n ? floor : floor + 1n;
}

/** A pico ratio in (unrounded) minor units of the currency. */
export function picoRatioToMinor(amountPico: Ratio, currency: string): Ratio {
  return { num: amountPico.num, den: amountPico.den * picoPerMinor(currency) };
}

export interface AllocationPart {
  /** Breaks ties: equal remainders are served in ascending order of key. */
  readonly key: string;
  readonly value: Ratio;
}

/**
 * Rounds the sum once, half-even, and shares the units out by largest remainder (B5): each part gets its floor, then
 * the units still missing go one each to the largest remainders. Returns the rounded sum and one integer per part, in
 * the order of `parts`; they add up to the sum exactly.
 */
export function allocateByLargestRemainder(parts: readonly AllocationPart[]): {
  readonly total: bigint;
  readonly shares: readonly bigint[];
} {
  const total = roundHalfEven(sumRatios(parts.map((part) => part.value)));
  const shares = parts.map((part) => floorRatio(part.value));
  let missing = total - shares.reduce((sum, share) => sum + share, 0n);
  const order = parts
    .map((part, index) => ({
      index,
      key: part.key,
      rest: subtractRatio(part.value, ratio(shares[index] ?? 0n)),
    }))
    .sort(
      (a, b) => compareRatio(b.rest, a.rest) || (a.key < b.key ? -1 : a.key > b.key ? 1 : a.index - b.index),
    );
  assert(
    missing >= 0n && missing <= BigInt(order.length),
    'allocation: remainder outside the number of parts',
  );
  for (const { index } of order) {
    if (missing === 0n) break;
    shares[index] = (shares[index] ?? 0n) + 1n;
    missing -= 1n;
  }
  return { total, shares };
}
