import { assert } from './assert.js';

/**
 * Design: an exact fraction of bigints. Amounts stay fractions until the one rounding of an invoice.
 * Normalising (a gcd) is lazy: it happens only when a denominator grows past NORMALISE_BITS, because almost all
 * sums of a bill share a handful of denominators.
 * Invariants: den > 0 always; the sign lives in num. Two equal ratios may have different terms: compare, never `===`.
 * Units: those of the caller; money ratios are in pico (10^-12) of the currency unit.
 */
export interface Ratio {
  readonly num: bigint;
  readonly den: bigint;
}

const NORMALISE_ABOVE = 1n << 256n;

export const ZERO: Ratio = { num: 0n, den: 1n };

export function ratio(num: bigint, den: bigint = 1n): Ratio {
  assert(den !== 0n, 'ratio: denominator 0');
  return den < 0n ? { num: -num, den: -den } : { num, den };
}

export function addRatio(a: Ratio, b: Ratio): Ratio {
  if (a.den === b.den) return { num: a.num + b.num, den: a.den };
  if (a.num === 0n) return b;
  if (b.num === 0n) return a;
  return bounded({ num: a.num * b.den + b.num * a.den, den: a.den * b.den });
}

export function negateRatio(a: Ratio): Ratio {
  return { num: -a.num, den: a.den };
}

export function subtractRatio(a: Ratio, b: Ratio): Ratio {
  return addRatio(a, negateRatio(b));
}

export function multiplyRatio(a: Ratio, b: Ratio): Ratio {
  return bounded({ num: a.num * b.num, den: a.den * b.den });
}

/** a / b. Asserts b is not zero. */
export function divideRatio(a: Ratio, b: Ratio): Ratio {
  return bounded(ratio(a.num * b.den, a.den * b.num));
}

/** -1, 0 or 1 as a is below, equal to or above b. */
export function compareRatio(a: Ratio, b: Ratio): -1 | 0 | 1 {
  const left = a.num * b.den;
  const right = b.num * a.den;
  return left < right ? -1 : left > right ? 1 : 0;
}

export function equalRatio(a: Ratio, b: Ratio): boolean {
  return compareRatio(a, b) === 0;
}

export function maxRatio(a: Ratio, b: Ratio): Ratio {
  return compareRatio(a, b) < 0 ? b : a;
}

/** Largest integer not above the ratio (towards minus infinity, also for negatives). */
export function floorRatio(a: Ratio): bigint {
  const quotient = a.num / a.den;
  return a.num < 0n && quotient * a.den !== a.num ? quotient - 1n : quotient;
}

/** Smallest integer not below the ratio. */
export function ceilRatio(a: Ratio): bigint {
  return -floorRatio(negateRatio(a));
}

export function normaliseRatio(a: Ratio): Ratio {
  const divisor = gcd(a.num < 0n ? -a.num : a.num, a.den);
  return divisor <= 1n ? a : { num: a.num / divisor, den: a.den / divisor };
}

/** Sum of many ratios: adds inside each denominator first, so that gcds happen once per denominator, not per term. */
export function sumRatios(terms: Iterable<Ratio>): Ratio {
  const numeratorByDenominator = new Map<bigint, bigint>();
  for (const term of terms) {
    numeratorByDenominator.set(term.den, (numeratorByDenominator.get(term.den) ?? 0n) + term.num);
  }
  let sum = ZERO;
  for (const [den, num] of numeratorByDenominator) sum = addRatio(sum, normaliseRatio({ num, den }));
  return normaliseRatio(sum);
}

function bounded(a: Ratio): Ratio {
  return a.den > NORMALISE_ABOVE ? normaliseRatio(a) : a;
}

function gcd(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}
