// Exact arithmetic on decimal text. Money never becomes a float: a sum or a comparison works on whole units of the
// finest scale present.

export interface Decimal {
  readonly units: bigint;
  /** How many of the digits of `units` stand after the point. */
  readonly scale: number;
}

const pattern = /^(-?)(\d+)(?:\.(\d+))?$/;

/** Reads "-12.0340"; throws on anything else, because the API promises plain decimal text. */
export function readDecimal(text: string): Decimal {
  const match = pattern.exec(text);
  if (!match) throw new Error(`not decimal text: ${JSON.stringify(text)}`);
  const fraction = match[3] ?? '';
  const magnitude = BigInt((match[2] ?? '0') + fraction);
  return { units: match[1] === '-' ? -magnitude : magnitude, scale: fraction.length };
}

export function writeDecimal({ units, scale }: Decimal): string {
  const sign = units < 0n ? '-' : '';
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0');
  if (scale === 0) return sign + digits;
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

function unitsAt(value: Decimal, scale: number): bigint {
  return value.units * 10n ** BigInt(scale - value.scale);
}

/** The exact sum of decimal texts, at the finest scale among them. */
export function sumDecimals(texts: readonly string[]): string {
  const values = texts.map(readDecimal);
  const scale = Math.max(0, ...values.map((value) => value.scale));
  return writeDecimal({ units: values.reduce((total, value) => total + unitsAt(value, scale), 0n), scale });
}

export function subtractDecimals(left: string, right: string): string {
  return sumDecimals([left, right.startsWith('-') ? right.slice(1) : `-${right}`]);
}

/** Negative, zero or positive, as left is below, equal to or above right. */
export function compareDecimals(left: string, right: string): number {
  const [a, b] = [readDecimal(left), readDecimal(right)];
  const scale = Math.max(a.scale, b.scale);
  const difference = unitsAt(a, scale) - unitsAt(b, scale);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** Where `part` stands in `whole`, in percent, for drawing only; 0 when there is no whole. */
export function percentOf(part: string, whole: string): number {
  const [a, b] = [readDecimal(part), readDecimal(whole)];
  if (b.units === 0n) return 0;
  const scale = Math.max(a.scale, b.scale);
  return Number((unitsAt(a, scale) * 100_000n) / unitsAt(b, scale)) / 1000;
}
