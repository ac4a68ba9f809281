/**
 * Creates a domain: quota claimed, host reserved, landing reserve set aside, rows, operation, job and event in one
 * transaction. Everything that can be refused is refused here, before anything is built.
 */
import { Injectable } from '@nestjs/common';
import { landingReservePico } from '@xenorack/accounting';
import { Audit } from '../audit/audit.js';
import { LiveBill } from '../billing/live-bill.js';
import { imageOf } from '../catalog/images.js';
import { picoWire } from '../catalog/money.dto.js';
import { PLAN_WEIGHT, sizeOf } from '../catalog/plan.dto.js';
import { PlanStore, type PlanRow } from '../catalog/plan.store.js';
import { HostStore } from '../hosts/host.store.js';
import { claimQuota } from '../limits/claim-quota.js';
import { LeasedResourcesStore } from '../limits/leased-resources.store.js';
import { QuotaStore, type QuotaAmounts } from '../limits/quota.store.js';
import { SpendingCap } from '../limits/spending-cap.js';
import type { OperationRow } from '../operations/operation.store.js';
import { Operations } from '../operations/operations.js';
import { tenantOf, type Actor } from '../platform/actor.js';
import { newId } from '../platform/ids.js';
import { Jobs } from '../platform/jobs.js';
import { Outbox } from '../platform/outbox.js';
import { refuse } from '../platform/problem.js';
import { isDuplicate, type Tx } from '../platform/unit-of-work.js';
import { WallClock } from '../platform/wall-clock.js';
import type { DomainCreate } from './domain.dto.js';
import { DomainStore } from './domain.store.js';

const MIB = 1_048_576n;

/** What a request comes to, before anything is claimed. */
export interface PlannedDomain {
  plan: PlanRow;
  volumeMib: number;
  amounts: QuotaAmounts;
  landingReservePico: bigint;
  guestPorts: number[];
}

@Injectable()
export class CreateDomain {
  constructor(
    private readonly plans: PlanStore,
    private readonly domains: DomainStore,
    private readonly hosts: HostStore,
    private readonly quotas: QuotaStore,
    private readonly cap: SpendingCap,
    private readonly resources: LeasedResourcesStore,
    private readonly liveBill: LiveBill,
    private readonly operations: Operations,
    private readonly audit: Audit,
    private readonly outbox: Outbox,
    private readonly jobs: Jobs,
    private readonly clock: WallClock,
  ) {}

  /** Resolves plan and image. Refusals: invalid_request naming the field. */
  async plan(body: DomainCreate): Promise<PlannedDomain> {
    const plan = (await this.plans.onSale(this.clock.now())).find((each) => each.id === body.plan_id);
    if (!plan) throw unknown('/plan_id', `there is no plan ${body.plan_id}`);
    const image = imageOf(body.image);
    if (!image) throw unknown('/image', `there is no image ${body.image}`);
    const size = sizeOf(plan.version);
    const volumeMib = body.volume_mib ?? size.diskMib;
    return {
      plan,
      volumeMib,
      amounts: {
        domains: 1n,
        vcpus: BigInt(size.vcpus),
        memory_mib: BigInt(size.memoryMib),
        disk_mib: BigInt(volumeMib),
      },
      landingReservePico: landingReservePico(plan.version, {
        memoryFrames: plan.version.size.memoryFrames,
        diskBytes: BigInt(volumeMib) * MIB,
      }),
      guestPorts: body.publish ? [...image.ports] : [],
    };
  }

  /** Refusals: limit_exceeded, budget_exhausted, no_capacity, already_exists, invalid_request. */
  async run(
    tx: Tx,
    actor: Actor,
    body: DomainCreate,
  ): Promise<{ domainId: string; operation: OperationRow }> {
    const tenantId = tenantOf(actor);
    const planned = await this.plan(body);
    const domainId = newId('dom');
    await claimQuota(this.quotas, tx, tenantId, domainId, planned.amounts);
    await this.checkMoney(tx, tenantId, planned);
    const size = sizeOf(planned.plan.version);
    const hostId = await this.hosts.claimFrames(tx, size.memoryFrames);
    if (!hostId) throw refuse('no_capacity', `No host has ${size.memoryMib} MiB free now.`);
    const operation = await this.operations.open(tx, {
      tenantId,
      type: 'domain.create',
      subjectType: 'domain',
      subjectId: domainId,
      actor,
      costEffect: { landing_reserve: picoWire(planned.landingReservePico, planned.plan.version.currency) },
    });
    await this.insert(tx, { tenantId, domainId, hostId, operationId: operation.id, body, planned });
    await this.jobs.request(tx, 'build-domain', { operationId: operation.id, domainId });
    await this.outbox.write(tx, {
      tenantId,
      type: 'domain.created',
      subject: { type: 'domain', id: domainId },
      data: { name: body.name, plan_id: planned.plan.id, operation_id: operation.id },
    });
    await this.audit.write(tx, actor, {
      action: 'domain.create',
      subjectType: 'domain',
      subjectId: domainId,
      after: body,
    });
    return { domainId, operation };
  }

  /** The money of the period must cover every landing reserve, or the domain could not even be stopped in order. */
  private async checkMoney(tx: Tx, tenantId: string, planned: PlannedDomain): Promise<void> {
    const { rated } = await this.liveBill.current(tenantId);
    if (planned.plan.version.currency !== rated.tenant.currency) {
      throw unknown(
        '/plan_id',
        `the plan is in ${planned.plan.version.currency}, the tenant pays in ${rated.tenant.currency}`,
      );
    }
    const { capPico } = await this.cap.of(rated.tenant, tx);
    const held = (await this.resources.of(tenantId, tx)).reduce(
      (sum, each) => sum + each.landingReservePico,
      0n,
    );
    const remaining = capPico - rated.bill.accruedPico - held;
    if (remaining > planned.landingReservePico) return;
    const { currency } = rated.tenant;
    throw refuse(
      'budget_exhausted',
      'What is left of the period does not cover the landing reserve of this domain.',
      {
        remaining: picoWire(remaining > 0n ? remaining : 0n, currency),
        landing_reserve: picoWire(planned.landingReservePico, currency),
      },
    );
  }

  private async insert(
    tx: Tx,
    made: {
      tenantId: string;
      domainId: string;
      hostId: string;
      operationId: string;
      body: DomainCreate;
      planned: PlannedDomain;
    },
  ): Promise<void> {
    const { tenantId, domainId, hostId, operationId, body, planned } = made;
    const size = sizeOf(planned.plan.version);
    const { planVersionId } = planned.plan.version;
    const volumeId = newId('vol');
    const domain = {
      id: domainId,
      tenantId,
      name: body.name,
      labels: body.labels,
      image: body.image,
      phase: 'provisioning' as const,
      state: 'halted' as const,
      stateReason: 'provisioning',
      hostId,
      planVersionId,
      vcpus: size.vcpus,
      weight: PLAN_WEIGHT,
      cap: size.cap,
      memoryFrames: size.memoryFrames,
      ports: planned.guestPorts.map((guestPort) => ({ guestPort, hostPort: null })),
      landingReservePico: planned.landingReservePico,
      operationId,
    };
    const volume = {
      id: volumeId,
      tenantId,
      name: `${body.name}-disk`,
      bytes: BigInt(planned.volumeMib) * MIB,
      hostId,
      domainId,
      state: 'provisioning' as const,
    };
    try {
      await this.domains.insert(tx, domain, [volume]);
    } catch (error) {
      if (isDuplicate(error)) throw refuse('already_exists', `You have a domain named ${body.name}.`);
      throw error;
    }
    for (const resourceId of [domainId, volumeId])
      await this.plans.assign(tx, { resourceId, tenantId, planVersionId });
    await this.outbox.write(tx, {
      tenantId,
      type: 'volume.created',
      subject: { type: 'volume', id: volumeId },
      data: { name: volume.name, size_bytes: volume.bytes.toString(), domain_id: domainId },
    });
  }
}

function unknown(pointer: string, detail: string) {
  return refuse('invalid_request', detail, { errors: [{ pointer, code: 'unknown', detail }] });
}
