import { z } from 'zod';
import { moneySchema } from '../catalog/money.dto.js';
import { isId } from '../platform/ids.js';
import { DOMAIN_ACTIONS } from './domain-actions.js';

/** Names go to `xl`-like tables and host names, so they keep to what both can carry. */
const nameSchema = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/,
    'must be 1 to 40 lower-case letters, digits and inner dashes',
  );

export const VOLUME_MIB_MAX = 65_536;

export const domainCreateSchema = z
  .strictObject({
    name: nameSchema,
    plan_id: z.string().max(64),
    image: z.string().max(64).default('web'),
    labels: z
      .record(z.string().regex(/^[a-z0-9._-]{1,63}$/), z.string().max(63))
      .refine((labels) => Object.keys(labels).length <= 16, 'at most 16 labels')
      .default({}),
    volume_mib: z
      .number()
      .int()
      .min(1)
      .max(VOLUME_MIB_MAX)
      .optional()
      .describe("The plan's disk when left out."),
    publish: z.boolean().default(true).describe("Publish the image's ports on the host's address."),
  })
  .meta({ id: 'CreateDomain' });
export type DomainCreate = z.infer<typeof domainCreateSchema>;

export const domainActionSchema = z
  .strictObject({ type: z.enum(DOMAIN_ACTIONS) })
  .meta({ id: 'DomainActionRequest' });

export const domainParams = z.object({
  id: z.string().refine((id) => isId('dom', id), 'must be a domain id (dom_...)'),
});

const portSchema = z.object({
  guest_port: z.number().int(),
  host_port: z.number().int().nullable(),
  url: z.string().nullable(),
});

export const domainSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    labels: z.record(z.string(), z.string()),
    state: z.enum(['running', 'paused', 'halted', 'crashed']),
    phase: z.enum(['provisioning', 'ready', 'deleting', 'deleted', 'failed']),
    state_reason: z.string(),
    operation: z.string().nullable(),
    holds: z.array(
      z.object({
        cause: z.enum(['tenant', 'operator', 'billing']),
        detail: z.string(),
        since: z.iso.datetime(),
      }),
    ),
    allowed_actions: z.array(z.string()),
    blocked_actions: z.array(z.object({ type: z.string(), code: z.string(), detail: z.string() })),
    plan: z.object({ id: z.string(), name: z.string(), version_id: z.string() }),
    config: z.object({
      image: z.string(),
      vcpus: z.number().int(),
      weight: z.number().int(),
      cap: z.number().int(),
      memory_mib: z.number().int(),
      volumes: z.array(z.object({ id: z.string(), mib: z.number().int() })),
      ports: z.array(portSchema),
    }),
    location: z.string().nullable(),
    host_id: z.string().nullable().describe('For the operator only.'),
    billing: z.object({ rate_now: moneySchema.describe('Per hour.'), accrued: moneySchema }),
    created_at: z.iso.datetime(),
    started_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Domain' });
export type DomainWire = z.infer<typeof domainSchema>;

export const operatorDomainSchema = domainSchema
  .extend({ tenant_id: z.string(), tenant_name: z.string() })
  .meta({ id: 'OperatorDomain' });

export const volumeSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    mib: z.number().int(),
    domain_id: z.string().nullable(),
    state: z.string(),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Volume' });

export const quotaEffectSchema = z.object({
  name: z.string(),
  unit: z.string(),
  limit: z.string(),
  used: z.string(),
  reserved: z.string(),
  requested: z.string(),
  ok: z.boolean(),
});

export const estimateSchema = z
  .object({
    currency: z.string(),
    lines: z.array(
      z.object({
        item: z.string(),
        description: z.string(),
        hourly: moneySchema.nullable().describe('At most; null when it is paid by use.'),
        monthly: moneySchema.nullable(),
      }),
    ),
    hourly_running: moneySchema.describe('Running and idle.'),
    hourly_max: moneySchema,
    monthly_max: moneySchema,
    monthly_cap: moneySchema.nullable(),
    landing_reserve: moneySchema.describe(
      'Kept back so that a stopped domain can land: paused memory, then its disk.',
    ),
    limits: z.array(quotaEffectSchema),
    budget: z
      .object({
        cap: moneySchema,
        remaining: moneySchema,
        seconds_at_max_rate: z.string().nullable(),
        covers_landing_reserve: z.boolean(),
      })
      .describe('The tightest of the budgets and the credit limit.'),
  })
  .meta({ id: 'Estimate' });
