import { Body, Controller, Post } from '@nestjs/common';
import { ceilRatio, checkQuotas, estimate, type Ratio } from '@xenorack/accounting';
import { LiveBill } from '../billing/live-bill.js';
import { must } from '../billing/rate-tenant.js';
import { picoWire } from '../catalog/money.dto.js';
import { hourlyPico, sizeOf } from '../catalog/plan.dto.js';
import { questionsOf } from '../limits/claim-quota.js';
import { LeasedResourcesStore } from '../limits/leased-resources.store.js';
import { QuotaStore } from '../limits/quota.store.js';
import { SpendingCap } from '../limits/spending-cap.js';
import { CurrentActor, Roles, tenantOf, type Actor } from '../platform/actor.js';
import { Route } from '../platform/route.js';
import { CreateDomain } from './create-domain.js';
import { domainCreateSchema, estimateSchema, type DomainCreate } from './domain.dto.js';

const MIB = 1_048_576n;

@Controller()
export class EstimatesController {
  constructor(
    private readonly createDomain: CreateDomain,
    private readonly quotas: QuotaStore,
    private readonly cap: SpendingCap,
    private readonly resources: LeasedResourcesStore,
    private readonly liveBill: LiveBill,
  ) {}

  @Post('estimates')
  @Roles()
  @Route({
    summary: 'What a domain would cost, and whether limits and budgets allow it',
    description: 'Takes the body of createDomain and changes nothing.',
    operationId: 'estimateDomain',
    tag: 'Domains',
    body: domainCreateSchema,
    responses: { 200: estimateSchema },
  })
  async estimate(@Body() body: DomainCreate, @CurrentActor() actor: Actor) {
    const tenantId = tenantOf(actor);
    const planned = await this.createDomain.plan(body);
    const { version } = planned.plan;
    const { currency } = version;
    const diskBytes = BigInt(planned.volumeMib) * MIB;
    const size = sizeOf(version);
    const priced = must(
      estimate(version, {
        vcpus: version.size.vcpus,
        capPercent: BigInt(size.cap),
        memoryFrames: version.size.memoryFrames,
        volumeBytes: [diskBytes],
      }),
    );
    const wire = (amount: Ratio | null) => (amount === null ? null : picoWire(ceilRatio(amount), currency));
    const hourlyMaxPico = ceilRatio(priced.hourlyMaximumPico);
    return {
      currency,
      lines: priced.lines.map((line) => ({
        item: line.item,
        description: line.description,
        hourly: wire(line.hourlyMaximumPico),
        monthly: wire(line.monthlyMaximumPico),
      })),
      hourly_running: picoWire(hourlyPico(version, 'running', diskBytes, false), currency),
      hourly_max: picoWire(hourlyMaxPico, currency),
      monthly_max: picoWire(ceilRatio(priced.monthlyMaximumPico), currency),
      monthly_cap: version.caps[0] ? picoWire(version.caps[0].monthlyCapPico, currency) : null,
      landing_reserve: picoWire(planned.landingReservePico, currency),
      limits: await this.limitEffects(tenantId, planned.amounts),
      budget: await this.budgetEffect(tenantId, planned.landingReservePico, hourlyMaxPico),
    };
  }

  private async limitEffects(tenantId: string, amounts: Parameters<typeof questionsOf>[1]) {
    const questions = questionsOf(await this.quotas.list(tenantId), amounts);
    const answer = checkQuotas(questions);
    const breached = new Set(answer.ok ? [] : answer.breaches.map((breach) => breach.name));
    return questions.map((question) => ({
      name: question.name,
      unit: question.unit,
      limit: (question.limit ?? 0n).toString(),
      used: question.used.toString(),
      reserved: question.reserved.toString(),
      requested: question.requested.toString(),
      ok: !breached.has(question.name),
    }));
  }

  private async budgetEffect(tenantId: string, landingReservePico: bigint, hourlyMaxPico: bigint) {
    const { rated } = await this.liveBill.current(tenantId);
    const { capPico } = await this.cap.of(rated.tenant);
    const held = (await this.resources.of(tenantId)).reduce((sum, each) => sum + each.landingReservePico, 0n);
    const left = capPico - rated.bill.accruedPico - held;
    const remainingPico = left > 0n ? left : 0n;
    const spendable = remainingPico > landingReservePico ? remainingPico - landingReservePico : 0n;
    const { currency } = rated.tenant;
    return {
      cap: picoWire(capPico, currency),
      remaining: picoWire(remainingPico, currency),
      seconds_at_max_rate: hourlyMaxPico === 0n ? null : ((spendable * 3_600n) / hourlyMaxPico).toString(),
      covers_landing_reserve: remainingPico > landingReservePico,
    };
  }
}
