import { writeDecimal } from '../../ui/format/decimal';

/** The derivation counts in 10^-12 of a unit of money, as a whole number or an exact fraction "n/d". */
const picoScale = 12;
const pattern = /^(-?\d+)(?:\/(\d+))?$/;

/** Pico units as decimal text; an amount that no decimal text can give exactly is cut and ends in an ellipsis. */
export function picoText(pico: string): string {
  const match = pattern.exec(pico);
  const denominator = BigInt(match?.[2] ?? '1');
  if (!match || denominator === 0n) return pico;
  const numerator = BigInt(match[1] ?? '0');
  const text = writeDecimal({ units: numerator / denominator, scale: picoScale });
  return numerator % denominator === 0n ? text : `${text}…`;
}
