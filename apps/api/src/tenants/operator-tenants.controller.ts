import { Controller, Get, Param, Query } from '@nestjs/common';
import { z } from 'zod';
import { Operator } from '../platform/actor.js';
import { isId } from '../platform/ids.js';
import { mapPage, type PageQuery, pageOf, pageQuery, pageSchema, readIdCursor } from '../platform/page.js';
import { Route } from '../platform/route.js';
import { type Tenant, TenantStore } from './tenant.store.js';
import { Tenants } from './tenants.js';

export const tenantWire = z
  .object({
    id: z.string(),
    name: z.string(),
    currency: z.string(),
    time_zone: z.string(),
    mode: z.enum(['live', 'test']),
    status: z.enum(['active', 'suspended']),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Tenant' });

@Controller('operator/tenants')
@Operator()
export class OperatorTenantsController {
  constructor(
    private readonly tenants: Tenants,
    private readonly store: TenantStore,
  ) {}

  @Get()
  @Route({
    summary: 'Tenants, newest first',
    operationId: 'listTenants',
    tag: 'Operator',
    query: pageQuery,
    responses: { 200: pageSchema(tenantWire) },
    problems: ['invalid_cursor'],
  })
  async list(@Query() query: PageQuery) {
    const rows = await this.store.list({ before: readIdCursor(query.cursor), take: query.limit + 1 });
    return mapPage(
      pageOf(rows, query.limit, (row) => [row.id]),
      toTenantWire,
    );
  }

  @Get(':id')
  @Route({
    summary: 'One tenant',
    operationId: 'getTenant',
    tag: 'Operator',
    params: z.object({ id: z.string().refine((id) => isId('ten', id), 'must be a tenant id (ten_...)') }),
    responses: { 200: tenantWire },
    problems: ['not_found'],
  })
  async get(@Param('id') id: string) {
    return toTenantWire(await this.tenants.get(null, id));
  }
}

export function toTenantWire(tenant: Tenant): z.input<typeof tenantWire> {
  const { id, name, currency, timeZone, mode, status, createdAt } = tenant;
  return { id, name, currency, time_zone: timeZone, mode, status, created_at: createdAt.toISOString() };
}
