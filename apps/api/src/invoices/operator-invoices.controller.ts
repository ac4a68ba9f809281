import { Body, Controller, Param, Post, Req, Res } from '@nestjs/common';
import { monthContaining, parseInstant } from '@xenorack/accounting';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Audit } from '../audit/audit.js';
import { exactInstantWire, instantWire } from '../catalog/instant.dto.js';
import { AdvanceClock } from '../metering/advance-clock.js';
import { TenantClocks } from '../metering/tenant-clock.js';
import { zoneOf } from '../metering/time-zone.js';
import { CurrentActor, Operator, type Actor } from '../platform/actor.js';
import { Idempotency, sendAnswer } from '../platform/idempotency.js';
import { isId } from '../platform/ids.js';
import { Jobs } from '../platform/jobs.js';
import { refuse } from '../platform/problem.js';
import { Route } from '../platform/route.js';
import { Tenants } from '../tenants/tenants.js';
import { invoiceRunSchema, testClockSchema } from './invoice.dto.js';

const runSchema = z.object({
  tenant_id: z.string(),
  period: z.object({ start: z.string(), end: z.string() }),
});
const clockSchema = z.object({ now: z.string().describe("The tenant's present after the jump.") });
const tenantParams = z.object({
  id: z.string().refine((id) => isId('ten', id), 'must be a tenant id (ten_...)'),
});

@Controller('operator')
@Operator('operator', 'finance')
export class OperatorInvoicesController {
  constructor(
    private readonly tenants: Tenants,
    private readonly clocks: TenantClocks,
    private readonly advanceClock: AdvanceClock,
    private readonly jobs: Jobs,
    private readonly audit: Audit,
    private readonly idempotency: Idempotency,
  ) {}

  @Post('invoice-runs')
  @Route({
    summary: 'Close a period of a tenant and issue its invoice',
    description:
      'The invoice follows as soon as all readings up to the end of the period are in (invoice.issued).',
    operationId: 'runInvoice',
    tag: 'Operator',
    body: invoiceRunSchema,
    responses: { 202: runSchema },
    problems: ['not_found', 'period_not_over'],
    idempotencyKey: 'required',
  })
  async run(
    @Body() body: z.infer<typeof invoiceRunSchema>,
    @CurrentActor() actor: Actor,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ) {
    const answer = await this.idempotency.perform(request, { required: true }, async (tx) => {
      const tenant = await this.tenants.get(tx, body.tenant_id);
      const zone = zoneOf(tenant.timeZone);
      const nowNs = await this.clocks.nowOf(tenant.id, tx);
      const running = monthContaining(nowNs, zone).period;
      const atNs = body.period_start === undefined ? running.fromNs - 1n : parseInstant(body.period_start)!;
      const { period } = monthContaining(atNs, zone);
      if (period.toNs > nowNs) {
        throw refuse(
          'period_not_over',
          `The period ends at ${instantWire(period.toNs)}; for the tenant it is ${instantWire(nowNs)}.`,
        );
      }
      const periodStart = exactInstantWire(period.fromNs);
      await this.jobs.request(tx, 'close-period', { tenantId: tenant.id, periodStart, force: body.force });
      await this.audit.write(tx, actor, {
        action: 'invoice.run',
        subjectType: 'tenant',
        subjectId: tenant.id,
        tenantId: tenant.id,
        after: body,
      });
      return {
        status: 202,
        body: { tenant_id: tenant.id, period: { start: periodStart, end: exactInstantWire(period.toNs) } },
      };
    });
    return sendAnswer(reply, answer);
  }

  @Post('tenants/:id/test-clock')
  @Route({
    summary: "Move a test tenant's clock forward",
    description: 'Every metered resource is cut at the jump; the skipped span bills nothing.',
    operationId: 'advanceTestClock',
    tag: 'Operator',
    params: tenantParams,
    body: testClockSchema,
    responses: { 200: clockSchema },
    problems: ['not_found', 'conflict', 'unavailable'],
  })
  async advance(
    @Param('id') id: string,
    @Body() body: z.infer<typeof testClockSchema>,
    @CurrentActor() actor: Actor,
  ) {
    const tenant = await this.tenants.get(null, id);
    if (tenant.mode !== 'test') throw refuse('conflict', 'Only a test tenant has a clock that can be moved.');
    const now = await this.advanceClock.advance(actor, id, parseInstant(body.advance_to)!);
    return { now: instantWire(now) };
  }
}
