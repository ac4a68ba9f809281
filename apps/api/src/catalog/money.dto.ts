import { formatMinor, formatPico } from '@xenorack/accounting';
import { z } from 'zod';

export const moneySchema = z
  .object({
    amount: z.string().describe('Exact decimal, at most 12 digits after the point.'),
    currency: z.string().length(3).describe('ISO 4217 code.'),
  })
  .meta({ id: 'Money' });

export type MoneyWire = z.infer<typeof moneySchema>;

/** An exact amount of 10^-12 units. */
export function picoWire(amountPico: bigint, currency: string): MoneyWire {
  return { amount: formatPico(amountPico), currency };
}

/** A rounded amount in minor units. */
export function minorWire(amountMinor: bigint, currency: string): MoneyWire {
  return { amount: formatMinor(amountMinor, currency), currency };
}
