import { assert } from './assert.js';
import { currencyExponent } from './currency.js';

/** An amount in 10^-12 of the currency unit, with its currency. Stored as numeric(38,0). */
export interface Money {
  readonly currency: string;
  readonly amountPico: bigint;
}

export const PICO_DIGITS = 12;
export const PICO_PER_UNIT = 10n ** 12n;
/** Largest magnitude a numeric(38,0) column holds. */
export const AMOUNT_PICO_MAX = 10n ** 38n - 1n;
/** Largest value a numeric(39,0) counter column holds. */
export const QUANTITY_MAX = 10n ** 39n - 1n;

/** Exponent of a currency already validated at the edge; asserts that it is pinned. */
export function exponentOf(currency: string): number {
  const exponent = currencyExponent(currency);
  assert(exponent !== undefined, `currency ${currency} is not in the pinned table`);
  return exponent;
}

/** Pico of one minor unit: 10^10 for EUR, 10^12 for JPY, 10^9 for KWD. */
export function picoPerMinor(currency: string): bigint {
  return 10n ** BigInt(PICO_DIGITS - exponentOf(currency));
}

export function minorToPico(amountMinor: bigint, currency: string): bigint {
  return amountMinor * picoPerMinor(currency);
}

/** Exact decimal of a pico amount: '0.004213', '-12.50'. Keeps at least `digitsMin` digits after the point. */
export function formatPico(amountPico: bigint, digitsMin = 2): string {
  return formatScaled(amountPico, PICO_DIGITS, digitsMin);
}

/** Exact decimal of a minor amount with all the currency's digits: 1250 EUR -> '12.50', 1250 JPY -> '1250'. */
export function formatMinor(amountMinor: bigint, currency: string): string {
  const exponent = exponentOf(currency);
  return formatScaled(amountMinor, exponent, exponent);
}

/** Reads '12.5' as pico. Undefined unless it is a plain decimal with at most 12 digits after the point that fits. */
export function parsePico(text: string): bigint | undefined {
  const match = /^(-?)(\d{1,26})(?:\.(\d{1,12}))?$/.exec(text);
  if (match === null) return undefined;
  const fraction = (match[3] ?? '').padEnd(PICO_DIGITS, '0');
  const magnitude = BigInt(match[2] ?? '0') * PICO_PER_UNIT + BigInt(fraction);
  return match[1] === '-' ? -magnitude : magnitude;
}

function formatScaled(amount: bigint, digits: number, digitsMin: number): string {
  const sign = amount < 0n ? '-' : '';
  const text = (amount < 0n ? -amount : amount).toString().padStart(digits + 1, '0');
  const whole = text.slice(0, text.length - digits);
  let fraction = digits === 0 ? '' : text.slice(text.length - digits);
  while (fraction.length > digitsMin && fraction.endsWith('0')) fraction = fraction.slice(0, -1);
  return fraction === '' ? sign + whole : `${sign}${whole}.${fraction}`;
}
