import { z } from 'zod';
import { resourceSchema } from '../billing/bill.dto.js';
import { moneySchema } from '../catalog/money.dto.js';

const lineSchema = z.object({
  id: z.string(),
  resource: resourceSchema,
  item: z.string(),
  description: z.string(),
  quantity: z.string().nullable(),
  unit: z.string().nullable(),
  quantity_text: z.string().nullable(),
  price: z.object({ amount: moneySchema, per_text: z.string() }).nullable(),
  amount: moneySchema.describe('Before tax; the lines add up to net.'),
});

export const invoiceSchema = z
  .object({
    id: z.string(),
    number: z.string(),
    status: z.enum(['issued']),
    period: z.object({ start: z.string(), end: z.string() }),
    issued_at: z.iso.datetime(),
    currency: z.string(),
    net: moneySchema,
    tax: moneySchema,
    total: moneySchema,
    content_hash: z.string().describe('Hex SHA-256 of the .json document, byte for byte.'),
  })
  .meta({ id: 'InvoiceSummary' });

export const invoiceDetailSchema = invoiceSchema
  .extend({ lines: z.array(lineSchema) })
  .meta({ id: 'Invoice' });

const cutSchema = z.object({
  seq: z.string(),
  at: z.string(),
  value: z.string().describe("The meter's cumulative counter at this cut."),
  hash: z.string(),
});

export const derivationSchema = z
  .object({
    line: z.object({ id: z.string(), description: z.string(), amount: moneySchema }),
    price: z.object({ amount: moneySchema, per_quantity: z.string(), version_id: z.string() }),
    quantity: z.object({
      total: z.string(),
      included: z.string(),
      billable: z.string(),
      unit: z.string(),
      meter: z.string(),
    }),
    exact: z
      .object({ gross_pico: z.string(), charge_pico: z.string() })
      .describe('Exact fractions of 10^-12 units.'),
    cap: z.object({ limit: moneySchema, group_gross_pico: z.string(), reached: z.boolean() }).nullable(),
    rounding: z.object({
      net_exact_pico: z.string(),
      net_rounded: moneySchema,
      difference_pico: z.string(),
      allocated: moneySchema,
    }),
    records: z.array(
      z.object({
        incarnation: z.string(),
        state: z.string(),
        from: cutSchema,
        to: cutSchema,
        quantity: z.string(),
        uncut: z.boolean(),
      }),
    ),
  })
  .meta({ id: 'Derivation' });

export const invoiceRunSchema = z
  .strictObject({
    tenant_id: z.string().max(64),
    period_start: z.iso
      .datetime()
      .optional()
      .describe('Any instant of the period; the period before the running one when left out.'),
    force: z.boolean().default(false).describe('Close without the last readings of silent incarnations.'),
  })
  .meta({ id: 'InvoiceRun' });

export const testClockSchema = z
  .strictObject({ advance_to: z.iso.datetime().describe("The tenant's new present; it only moves forward.") })
  .meta({ id: 'TestClock' });
