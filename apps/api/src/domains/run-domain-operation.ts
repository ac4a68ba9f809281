/**
 * Carries a domain's operation through its steps.
 *
 * Design. A run looks how far the operation is by the answers of its commands, sends the next one and ends; the answer
 * runs it again. So a run never waits, may be repeated, and goes on after a crash anywhere. When a step fails, a create
 * is undone in reverse order and everything it held is given back; other actions leave the domain as the host says.
 */
import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { CommandError } from '@xenorack/xenoserver';
import { HostCommands, type ThenJob } from '../hosts/host-commands.js';
import { HostStore } from '../hosts/host.store.js';
import { GrantLeases } from '../limits/grant-leases.js';
import { QuotaStore } from '../limits/quota.store.js';
import { Operations } from '../operations/operations.js';
import { Jobs } from '../platform/jobs.js';
import { Outbox } from '../platform/outbox.js';
import { UnitOfWork, type Tx } from '../platform/unit-of-work.js';
import { WallClock } from '../platform/wall-clock.js';
import { applyFacts } from './apply-facts.js';
import { DomainStore, type DomainRow } from './domain.store.js';
import { stepsOf, type DomainPlan } from './domain-steps.js';

@Injectable()
export class RunDomainOperation implements OnModuleInit {
  constructor(
    private readonly domains: DomainStore,
    private readonly hosts: HostStore,
    private readonly commands: HostCommands,
    private readonly grantLeases: GrantLeases,
    private readonly quotas: QuotaStore,
    private readonly operations: Operations,
    private readonly outbox: Outbox,
    private readonly jobs: Jobs,
    private readonly unitOfWork: UnitOfWork,
    private readonly clock: WallClock,
  ) {}

  onModuleInit(): void {
    this.jobs.handle('build-domain', (payload) =>
      this.run(payload, 'create', { name: 'build-domain', payload }),
    );
    this.jobs.handle('domain-action', (payload) =>
      this.run(payload, payload.action as DomainPlan, { name: 'domain-action', payload }),
    );
    this.jobs.handle('delete-domain', (payload) =>
      this.run(payload, 'delete', { name: 'delete-domain', payload }),
    );
  }

  private async run(
    { operationId, domainId }: { operationId: string; domainId: string },
    plan: DomainPlan,
    again: ThenJob,
  ): Promise<void> {
    const progress = await this.unitOfWork.run(async (tx) => {
      const domain = await this.domains.lock(tx, domainId);
      // Another run has ended this operation.
      if (!domain || domain.operationId !== operationId) return null;
      return this.advance(tx, domain, plan, again);
    });
    if (progress) await this.operations.advance(operationId, progress);
  }

  /** Sends the first step that was not answered; ends the operation after the last. Answers the progress made. */
  private async advance(tx: Tx, domain: DomainRow, plan: DomainPlan, again: ThenJob) {
    const operationId = domain.operationId!;
    const steps = stepsOf(plan, domain);
    for (const [at, step] of steps.entries()) {
      const id = `${operationId}.${at}`;
      const command = await this.commands.find(id, tx);
      if (!command) {
        if (step.needsLease) await this.grantLeases.grant(tx, domain.tenantId);
        await this.commands.send(tx, domain.hostId!, { operationId: id, ...step.body }, again);
        return { percent: Math.floor((at * 100) / steps.length), stage: step.stage };
      }
      if (command.status === 'queued') return null;
      const error = command.result?.error;
      if (command.status === 'failed' && error && !step.fineErrors.includes(error.code)) {
        await this.fail(tx, domain, plan, error);
        return null;
      }
    }
    const last = await this.commands.find(`${operationId}.${steps.length - 1}`, tx);
    await this.succeed(tx, domain, plan, last?.result?.domain ?? null);
    return null;
  }

  private async succeed(
    tx: Tx,
    domain: DomainRow,
    plan: DomainPlan,
    facts: Parameters<typeof applyFacts>[2] | null,
  ): Promise<void> {
    const { id } = domain;
    const operationId = domain.operationId!;
    await this.domains.update(tx, id, {
      operationId: null,
      ...(plan === 'delete' ? {} : { phase: 'ready' }),
    });
    if (plan === 'create') {
      for (const volume of domain.volumes) await this.domains.setVolumeState(tx, volume.id, 'present');
      await this.quotas.confirm(tx, id);
    }
    if (plan === 'delete') await this.forget(tx, domain, 'deleted');
    if (plan === 'stop' || plan === 'shutdown') await this.halted(tx, domain, plan);
    if (plan === 'unpause') await this.domains.releaseHold(tx, id, 'tenant');
    if (facts && plan !== 'delete' && plan !== 'stop' && plan !== 'shutdown') {
      await applyFacts({ domains: this.domains, outbox: this.outbox }, tx, facts, {
        reason: plan,
        now: this.clock.now(),
      });
    }
    await this.operations.succeed(tx, operationId);
  }

  private async halted(tx: Tx, domain: DomainRow, reason: string): Promise<void> {
    for (const hold of domain.holds) await this.domains.releaseHold(tx, domain.id, hold.cause);
    await this.domains.update(tx, domain.id, { state: 'halted', stateReason: reason, startedAt: null });
    await this.outbox.write(tx, {
      tenantId: domain.tenantId,
      type: 'domain.state_changed',
      subject: { type: 'domain', id: domain.id },
      data: { state: 'halted', previous_state: domain.state, reason },
    });
  }

  private async fail(tx: Tx, domain: DomainRow, plan: DomainPlan, error: CommandError): Promise<void> {
    const operationId = domain.operationId!;
    await this.domains.update(tx, domain.id, { operationId: null });
    if (plan === 'create') await this.undoCreate(tx, domain);
    await this.operations.fail(tx, operationId, {
      code: 'host_refused',
      title: 'The host could not do it',
      detail: `${error.code}: ${error.detail}`,
      errno: error.code,
      retryable: plan !== 'create',
    });
  }

  /** Asks the host to drop whatever was made, in reverse order; each command is fine when there is nothing to drop. */
  private async undoCreate(tx: Tx, domain: DomainRow): Promise<void> {
    const operationId = domain.operationId!;
    for (const [at, { body }] of stepsOf('delete', domain).entries()) {
      await this.commands.send(tx, domain.hostId!, { operationId: `${operationId}.undo.${at}`, ...body });
    }
    await this.forget(tx, domain, 'failed');
  }

  /** Gives back everything a domain held. */
  private async forget(tx: Tx, domain: DomainRow, phase: 'deleted' | 'failed'): Promise<void> {
    const now = this.clock.now();
    await this.domains.update(tx, domain.id, { phase, state: 'halted', stateReason: phase, deletedAt: now });
    for (const volume of domain.volumes) await this.domains.setVolumeState(tx, volume.id, phase, now);
    await this.quotas.release(tx, domain.id);
    if (domain.hostId) await this.hosts.releaseFrames(tx, domain.hostId, domain.memoryFrames);
    await this.grantLeases.request(tx, domain.tenantId);
    await this.outbox.write(tx, {
      tenantId: domain.tenantId,
      type: 'domain.deleted',
      subject: { type: 'domain', id: domain.id },
      data: { name: domain.name },
    });
  }
}
