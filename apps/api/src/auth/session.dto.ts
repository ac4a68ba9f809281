import { z } from 'zod';
import { operatorRoles, tenantRoles } from '../platform/actor.js';

export const signInBody = z
  .strictObject({ email: z.email().max(254), password: z.string().min(1).max(256) })
  .meta({ id: 'SignIn' });

export const userWire = z
  .object({
    id: z.string(),
    email: z.string(),
    name: z.string(),
    operator_role: z.enum(operatorRoles).nullable(),
  })
  .meta({ id: 'User' });

export const tenantSummaryWire = z
  .object({
    id: z.string(),
    name: z.string(),
    currency: z.string().describe('ISO 4217.'),
    time_zone: z.string().describe('IANA zone of the billing periods.'),
    mode: z.enum(['live', 'test']),
  })
  .meta({ id: 'TenantSummary' });

export const membershipWire = z
  .object({ role: z.enum(tenantRoles), tenant: tenantSummaryWire })
  .meta({ id: 'Membership' });

export const sessionWire = z
  .object({ user: userWire, memberships: z.array(membershipWire), csrf_token: z.string() })
  .meta({ id: 'Session' });

export const meWire = z
  .object({
    user: userWire.nullable().describe('Null for an API key.'),
    tenant: tenantSummaryWire.nullable(),
    role: z.enum(tenantRoles).nullable(),
    scopes: z.array(z.enum(['read', 'write'])),
    memberships: z.array(membershipWire),
    csrf_token: z.string().nullable(),
  })
  .meta({ id: 'Me' });
