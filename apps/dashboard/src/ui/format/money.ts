import { compareDecimals, readDecimal, writeDecimal } from './decimal';

export interface MoneyValue {
  readonly amount: string;
  readonly currency: string;
}

export interface MoneyParts {
  readonly sign: string;
  readonly symbol: string;
  /** The part that a bank would print: whole units and the currency's own decimals. */
  readonly strong: string;
  /** Digits below the smallest coin. */
  readonly faint: string;
}

const symbols = new Map<string, { symbol: string; decimals: number }>();

function currencyFacts(currency: string): { symbol: string; decimals: number } {
  const known = symbols.get(currency);
  if (known) return known;
  let facts = { symbol: `${currency} `, decimals: 2 };
  try {
    const format = new Intl.NumberFormat('en-GB', {
      style: 'currency',
      currency,
      currencyDisplay: 'narrowSymbol',
    });
    const symbol = format.formatToParts(0).find((part) => part.type === 'currency')?.value ?? currency;
    facts = {
      symbol: /[A-Z]$/.test(symbol) ? `${symbol} ` : symbol,
      decimals: format.resolvedOptions().maximumFractionDigits ?? 2,
    };
  } catch {
    // A code that Intl does not know is printed as the API gave it.
  }
  symbols.set(currency, facts);
  return facts;
}

/** Cuts (never rounds up) to so many decimals, and pads: a running amount must not show money not yet owed. */
function cutDecimals(amount: string, decimals: number): string {
  const value = readDecimal(amount);
  const difference = decimals - value.scale;
  const units =
    difference >= 0 ? value.units * 10n ** BigInt(difference) : value.units / 10n ** BigInt(-difference);
  return writeDecimal({ units, scale: decimals });
}

function withSeparators(whole: string): string {
  return whole.replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Splits an amount for display; `decimals` below the currency's own print only the strong part. */
export function moneyParts({ amount, currency }: MoneyValue, decimals?: number): MoneyParts {
  const facts = currencyFacts(currency);
  const text = cutDecimals(amount, decimals ?? facts.decimals);
  const sign = text.startsWith('-') ? '−' : '';
  const [whole = '0', fraction = ''] = text.replace('-', '').split('.');
  const coins = fraction.slice(0, facts.decimals);
  return {
    sign,
    symbol: facts.symbol,
    strong: withSeparators(whole) + (coins ? `.${coins}` : ''),
    faint: fraction.slice(facts.decimals),
  };
}

/** So many decimals that an amount below the smallest coin still shows its figures; three more at a time. */
export function fineDecimals({ amount, currency }: MoneyValue, least: number): number {
  const { units, scale } = readDecimal(amount);
  const digits = (units < 0n ? -units : units).toString().length;
  const leadingZeros = scale - digits;
  let decimals = least;
  if (units === 0n || leadingZeros < currencyFacts(currency).decimals) return decimals;
  do decimals += 3;
  while (decimals <= leadingZeros && decimals < scale);
  return Math.min(decimals, Math.max(scale, least));
}

/** One text; an amount that is not zero never reads as zero. */
export function formatMoney(value: MoneyValue, decimals?: number): string {
  const parts = moneyParts(value, decimals);
  const text = `${parts.sign}${parts.symbol}${parts.strong}${parts.faint}`;
  if (compareDecimals(value.amount, '0') > 0 && !/[1-9]/.test(parts.strong + parts.faint)) {
    const scale = decimals ?? currencyFacts(value.currency).decimals;
    return `<${parts.symbol}${writeDecimal({ units: 1n, scale })}`;
  }
  return text;
}

/** Hourly rates are small: print three figures, and always at least four decimals. */
export function formatRate(value: MoneyValue): string {
  const { units, scale } = readDecimal(value.amount);
  if (units === 0n) return formatMoney(value, 2);
  const digits = (units < 0n ? -units : units).toString().length;
  const decimals = Math.min(Math.max(4, Math.max(0, scale - digits) + 3), 9);
  return formatMoney(value, decimals).replace(/(\.\d{4}\d*?)0+$/, '$1');
}

/** A price with all its digits: it is a promise, not a reading. */
export function formatPrice(price: MoneyValue): string {
  const fraction = price.amount.split('.')[1]?.replace(/0+$/, '') ?? '';
  return formatMoney(price, Math.max(currencyFacts(price.currency).decimals, fraction.length));
}
