import { Controller, Get, Param } from '@nestjs/common';
import { z } from 'zod';
import { LiveBill } from '../billing/live-bill.js';
import { instantWire } from '../catalog/instant.dto.js';
import { minorWire, moneySchema, picoWire } from '../catalog/money.dto.js';
import { limitSchema, listWire } from '../limits/limits.controller.js';
import { QuotaStore } from '../limits/quota.store.js';
import { SpendingCap } from '../limits/spending-cap.js';
import { Operator } from '../platform/actor.js';
import { isId } from '../platform/ids.js';
import { Route } from '../platform/route.js';
import { Tenants } from '../tenants/tenants.js';
import { DomainStore } from './domain.store.js';

const accountSchema = z
  .object({
    tenant_id: z.string(),
    now: z.string().describe("The tenant's present; ahead of the wall for a moved test clock."),
    domains: z.number().int(),
    accrued: moneySchema,
    payable: moneySchema,
    rate_per_hour: moneySchema,
    cap: moneySchema.describe('The tightest stopping budget or the credit limit.'),
    capped_by_budget: z.boolean(),
    limits: z.array(limitSchema),
  })
  .meta({ id: 'TenantAccount' });

const params = z.object({
  id: z.string().refine((id) => isId('ten', id), 'must be a tenant id (ten_...)'),
});

@Controller('operator/tenants/:id/account')
export class OperatorAccountsController {
  constructor(
    private readonly tenants: Tenants,
    private readonly domains: DomainStore,
    private readonly quotas: QuotaStore,
    private readonly cap: SpendingCap,
    private readonly liveBill: LiveBill,
  ) {}

  @Get()
  @Operator()
  @Route({
    summary: 'What a tenant holds, owes and may still spend',
    operationId: 'getTenantAccount',
    tag: 'Operator',
    params,
    responses: { 200: accountSchema },
    problems: ['not_found'],
  })
  async get(@Param('id') id: string): Promise<z.infer<typeof accountSchema>> {
    await this.tenants.get(null, id);
    const { rated, ratePerHourPico } = await this.liveBill.current(id);
    const cap = await this.cap.of(rated.tenant);
    const { currency } = rated.tenant;
    return {
      tenant_id: id,
      now: instantWire(rated.nowNs),
      domains: await this.domains.count(id),
      accrued: picoWire(rated.bill.accruedPico, currency),
      payable: minorWire(rated.bill.payable.totalMinor, currency),
      rate_per_hour: picoWire(ratePerHourPico, currency),
      cap: picoWire(cap.capPico, currency),
      capped_by_budget: cap.budgetId !== null,
      limits: listWire(await this.quotas.list(id)).data,
    };
  }
}
