/**
 * Moves a test tenant's clock forward.
 *
 * Design. Each host that meters the tenant is asked for a cut of all its incarnations; the labels of these cuts are
 * where the jump lies for that host. Only when every host has answered is the jump written, in one transaction, so
 * nothing is half moved. Jumps of one tenant queue behind a lock.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Audit } from '../audit/audit.js';
import { HostCommands } from '../hosts/host-commands.js';
import { instantWire } from '../catalog/instant.dto.js';
import type { Actor } from '../platform/actor.js';
import { newId } from '../platform/ids.js';
import { refuse } from '../platform/problem.js';
import { UnitOfWork, type Tx } from '../platform/unit-of-work.js';
import { WallClock } from '../platform/wall-clock.js';
import { TenantClocks } from './tenant-clock.js';
import { UsageStore } from './usage.store.js';

const ANSWER_MS_MAX = 10_000;
const LOOK_MS = 20;

@Injectable()
export class AdvanceClock {
  constructor(
    private readonly usage: UsageStore,
    private readonly clocks: TenantClocks,
    private readonly commands: HostCommands,
    private readonly audit: Audit,
    private readonly unitOfWork: UnitOfWork,
    private readonly clock: WallClock,
  ) {}

  /** Answers the tenant's new present. Refusals: conflict (not forward), unavailable (a host did not answer). */
  async advance(actor: Actor, tenantId: string, toNs: bigint): Promise<bigint> {
    const nowNs = await this.clocks.nowOf(tenantId);
    if (toNs <= nowNs) {
      throw refuse(
        'conflict',
        `advance_to is ${instantWire(toNs)}, for the tenant it is already ${instantWire(nowNs)}.`,
      );
    }
    const cuts = await this.cutEverywhere(tenantId);
    const offsetNs = toNs - this.clock.nowNs();
    await this.unitOfWork.run(async (tx) => {
      await this.lock(tx, tenantId);
      const jump = (await this.clocks.of(tenantId, tx)).jumpCount + 1;
      await this.clocks.append(tx, tenantId, jump, offsetNs, cuts);
      await this.audit.write(tx, actor, {
        action: 'test-clock.advance',
        subjectType: 'tenant',
        subjectId: tenantId,
        tenantId,
        before: { now: instantWire(nowNs) },
        after: { now: instantWire(toNs) },
      });
    });
    return this.clocks.nowOf(tenantId);
  }

  private async cutEverywhere(tenantId: string): Promise<{ hostId: string; fromUtcNs: bigint }[]> {
    const open = (await this.usage.incarnationsOf(tenantId)).filter((each) => each.closedUtcNs === null);
    const byHost = new Map<string, string[]>();
    for (const { hostId, resourceId } of open)
      byHost.set(hostId, [...(byHost.get(hostId) ?? []), resourceId]);
    const sent = await this.unitOfWork.run(async (tx) => {
      const commands: { hostId: string; operationId: string }[] = [];
      for (const [hostId, resourceIds] of byHost) {
        const operationId = newId('op');
        await this.commands.send(tx, hostId, { operationId, type: 'cut', resourceIds, reason: 'test-clock' });
        commands.push({ hostId, operationId });
      }
      return commands;
    });
    return Promise.all(
      sent.map(async ({ hostId, operationId }) => ({ hostId, fromUtcNs: await this.answerOf(operationId) })),
    );
  }

  /** Label of the cut, once the host has made it. */
  private async answerOf(operationId: string): Promise<bigint> {
    const until = this.clock.now().getTime() + ANSWER_MS_MAX;
    while (this.clock.now().getTime() < until) {
      const row = await this.commands.find(operationId);
      if (row?.status === 'failed')
        throw refuse('unavailable', `A host could not cut: ${row.result?.error?.detail}.`);
      if (row?.result?.utcNs) return BigInt(row.result.utcNs);
      await delay(LOOK_MS);
    }
    throw refuse('unavailable', 'A host that meters the tenant does not answer.');
  }

  private async lock(tx: Tx, tenantId: string): Promise<void> {
    await tx.$queryRaw`SELECT 1 FROM tenant WHERE id = ${tenantId} FOR UPDATE`;
  }
}
