import { Body, Controller, Get, Param, Patch, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Audit } from '../audit/audit.js';
import { CurrentActor, Operator, Roles, tenantOf, type Actor } from '../platform/actor.js';
import { etagOf, requireIfMatch } from '../platform/etag.js';
import { isId } from '../platform/ids.js';
import { refuse } from '../platform/problem.js';
import { Route } from '../platform/route.js';
import { UnitOfWork } from '../platform/unit-of-work.js';
import { Tenants } from '../tenants/tenants.js';
import { QUOTA_UNITS } from './claim-quota.js';
import { QUOTA_NAMES, QuotaStore, type QuotaAmounts, type QuotaRow } from './quota.store.js';

export const limitSchema = z
  .object({
    name: z.string(),
    unit: z.string(),
    limit: z.string(),
    used: z.string(),
    reserved: z.string(),
    headroom: z.string(),
  })
  .meta({ id: 'Limit' });

const limitListSchema = z.object({
  data: z.array(limitSchema),
  version: z.string().describe('ETag for If-Match.'),
});
const ceilingSchema = z.string().regex(/^\d{1,12}$/, 'must be a decimal integer of at most 12 digits');
const changeSchema = z.strictObject({
  limits: z.strictObject({
    domains: ceilingSchema.optional(),
    vcpus: ceilingSchema.optional(),
    memory_mib: ceilingSchema.optional(),
    disk_mib: ceilingSchema.optional(),
  }),
});
const tenantParams = z.object({
  id: z.string().refine((id) => isId('ten', id), 'must be a tenant id (ten_...)'),
});

@Controller()
export class LimitsController {
  constructor(
    private readonly quotas: QuotaStore,
    private readonly tenants: Tenants,
    private readonly audit: Audit,
    private readonly unitOfWork: UnitOfWork,
  ) {}

  @Get('limits')
  @Roles()
  @Route({
    summary: 'Quotas of the tenant: what is held, what is being built, what is left',
    operationId: 'listLimits',
    tag: 'Limits',
    responses: { 200: limitListSchema },
  })
  async list(@CurrentActor() actor: Actor) {
    return listWire(await this.quotas.list(tenantOf(actor)));
  }

  @Get('operator/tenants/:id/limits')
  @Operator()
  @Route({
    summary: "A tenant's quotas",
    operationId: 'listTenantLimits',
    tag: 'Operator',
    params: tenantParams,
    responses: { 200: limitListSchema },
    problems: ['not_found'],
  })
  async listOf(@Param('id') id: string) {
    await this.tenants.get(null, id);
    return listWire(await this.quotas.list(id));
  }

  @Patch('operator/tenants/:id/limits')
  @Operator()
  @Route({
    summary: "Change a tenant's quotas",
    description: 'Lowering below what is held stops nothing; it only refuses what comes next.',
    operationId: 'changeTenantLimits',
    tag: 'Operator',
    params: tenantParams,
    body: changeSchema,
    responses: { 200: limitListSchema },
    problems: ['not_found', 'precondition_failed', 'precondition_required'],
    ifMatch: true,
  })
  async change(
    @Param('id') id: string,
    @Body() body: z.infer<typeof changeSchema>,
    @CurrentActor() actor: Actor,
    @Req() request: FastifyRequest,
  ) {
    return this.unitOfWork.run(async (tx) => {
      await this.tenants.get(tx, id);
      const before = await this.quotas.lock(tx, id);
      requireIfMatch(request, etagOf(versionOf(before)));
      const ceilings = Object.fromEntries(
        QUOTA_NAMES.flatMap((name) =>
          body.limits[name] === undefined ? [] : [[name, BigInt(body.limits[name])]],
        ),
      ) as Partial<QuotaAmounts>;
      if (Object.keys(ceilings).length === 0)
        throw refuse('invalid_request', 'limits names no limit to change.');
      await this.quotas.setCeilings(tx, id, ceilings);
      const after = await this.quotas.list(id, tx);
      await this.audit.write(tx, actor, {
        action: 'limits.change',
        subjectType: 'tenant',
        subjectId: id,
        tenantId: id,
        before: listWire(before).data,
        after: listWire(after).data,
      });
      return listWire(after);
    });
  }
}

/** Each change raises one row's version, so their sum names the state of all. */
function versionOf(rows: QuotaRow[]): number {
  return rows.reduce((sum, row) => sum + row.version, 0);
}

export function listWire(rows: QuotaRow[]): z.infer<typeof limitListSchema> {
  const data = rows.map((row) => {
    const left = row.ceiling - row.used - row.reserved;
    return {
      name: row.name,
      unit: QUOTA_UNITS[row.name],
      limit: row.ceiling.toString(),
      used: row.used.toString(),
      reserved: row.reserved.toString(),
      headroom: (left > 0n ? left : 0n).toString(),
    };
  });
  return { data, version: etagOf(versionOf(rows)) };
}
