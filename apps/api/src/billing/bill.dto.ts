import { z } from 'zod';
import { moneySchema } from '../catalog/money.dto.js';

export const resourceSchema = z.object({
  type: z.enum(['domain', 'volume', 'tenant']),
  id: z.string(),
  name: z.string(),
});

export const billLineSchema = z
  .object({
    id: z.string(),
    resource: resourceSchema,
    item: z.string(),
    description: z.string(),
    plan: z.string(),
    quantity: z.string(),
    unit: z.string(),
    quantity_text: z.string(),
    included: z.string(),
    billable: z.string(),
    price: z.object({ amount: moneySchema, per_text: z.string() }).nullable(),
    exact: moneySchema.describe('Exact charge so far, shown rounded down to 10^-12.'),
    capped_by: moneySchema.nullable().describe('The monthly cap, when it has been reached.'),
    payable: moneySchema.describe("The line's part of the rounded net."),
  })
  .meta({ id: 'BillLine' });

export const billSchema = z
  .object({
    period: z.object({ start: z.string(), end: z.string(), time_zone: z.string() }),
    currency: z.string(),
    accrued: moneySchema.describe('Exact, before tax.'),
    net: moneySchema.describe('Rounded once; the sum of the lines.'),
    tax: moneySchema,
    payable: moneySchema.describe('What an invoice of this moment would ask for: net + tax.'),
    rate_per_hour: moneySchema,
    forecast: moneySchema.describe(
      'At the end of the period if the present rate goes on; exact, before tax.',
    ),
    metered_to: z.string().nullable(),
    provisional: z.boolean().describe('Some usage still ends at a live reading.'),
    lines: z.array(billLineSchema),
  })
  .meta({ id: 'Bill' });
