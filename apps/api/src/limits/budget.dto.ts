import { parsePico } from '@xenorack/accounting';
import { z } from 'zod';
import { moneySchema } from '../catalog/money.dto.js';

const AMOUNT_MAX_PICO = 10n ** 24n;

const amountSchema = z
  .object({ amount: z.string().max(40), currency: z.string().length(3) })
  .strict()
  .refine(({ amount }) => {
    const pico = parsePico(amount);
    return pico !== undefined && pico >= 0n && pico <= AMOUNT_MAX_PICO;
  }, 'amount must be a decimal from 0 to 1000000000000 with at most 12 digits after the point');

export const budgetBodySchema = z
  .strictObject({
    name: z.string().trim().min(1).max(80),
    amount: amountSchema,
    policy: z.enum(['alert', 'throttle', 'pause']).describe('What happens when it is used up.'),
    thresholds_percent: z
      .array(z.number().int().min(1).max(100))
      .max(10)
      .default([50, 80, 100])
      .describe('Announced once per crossing; the whole budget always is.'),
  })
  .meta({ id: 'BudgetBody' });
export type BudgetBody = z.infer<typeof budgetBodySchema>;

export const budgetChangeSchema = z
  .strictObject({
    name: z.string().trim().min(1).max(80),
    amount: amountSchema,
    policy: z.enum(['alert', 'throttle', 'pause']),
    thresholds_percent: z.array(z.number().int().min(1).max(100)).max(10),
  })
  .partial()
  .refine((change) => Object.keys(change).length > 0, 'names nothing to change')
  .meta({ id: 'BudgetChange' });
export type BudgetChange = z.infer<typeof budgetChangeSchema>;

export const budgetSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    amount: moneySchema,
    policy: z.enum(['alert', 'throttle', 'pause']),
    thresholds_percent: z.array(z.number().int()),
    period: z.object({ start: z.string(), end: z.string() }),
    spent: moneySchema.describe('Exact, before tax.'),
    remaining: moneySchema,
    percent: z.string().describe('Spent in percent of the amount, two decimals.'),
    state: z.enum(['ok', 'warned', 'exhausted']),
    seconds_to_limit: z.string().nullable().describe('At the present rate; null while nothing is spent.'),
    leases: z.array(
      z.object({
        host_location: z.string(),
        authorised: moneySchema,
        drawn: moneySchema,
        expires_at: z.iso.datetime(),
      }),
    ),
    landing_reserve: moneySchema.describe('Held back for landing all domains in order.'),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'Budget' });
