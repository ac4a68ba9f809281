/**
 * Decides when leases need attention: half of a loan is drawn, a host says the money is gone, an end comes near, a
 * period or a host's epoch has turned. It only asks; grant-leases.ts computes.
 */
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { ceilRatio, exactDrawnPico } from '@xenorack/accounting';
import { LiveBill } from '../billing/live-bill.js';
import type { LiveTenant } from '../billing/live-tenant.js';
import { HostEvents } from '../hosts/host-events.js';
import { Jobs } from '../platform/jobs.js';
import { Outbox } from '../platform/outbox.js';
import { UnitOfWork } from '../platform/unit-of-work.js';
import { WallClock } from '../platform/wall-clock.js';
import { GrantLeases, LEASE_MS } from './grant-leases.js';
import { LeasedResourcesStore } from './leased-resources.store.js';
import { isSpent, settledOf } from './lease-series.js';
import { type LeaseRow, LeaseStore } from './lease.store.js';

const LOOK_MS = 30_000;

@Injectable()
export class WatchLeases implements OnModuleInit {
  private readonly log = new Logger(WatchLeases.name);

  /** The generation of each exhausted lease that was seen to be spent by its readings. */
  private readonly spent = new Map<string, number>();

  constructor(
    private readonly liveBill: LiveBill,
    private readonly hostEvents: HostEvents,
    private readonly leases: LeaseStore,
    private readonly resources: LeasedResourcesStore,
    private readonly grantLeases: GrantLeases,
    private readonly unitOfWork: UnitOfWork,
    private readonly outbox: Outbox,
    private readonly jobs: Jobs,
    private readonly clock: WallClock,
  ) {}

  onModuleInit(): void {
    this.liveBill.onRated((live) => this.look(live));
    this.hostEvents.on('booted', async ({ hostId }) => {
      for (const tenantId of await this.resources.tenantsOn(hostId)) await this.request(tenantId);
    });
    this.hostEvents.on('lease-changed', async (event) => {
      this.log.log(
        { leaseId: event.leaseId, state: event.state, drawnPico: event.drawnPico },
        'lease changed',
      );
      if (event.state === 'warned') return this.request(event.tenantId);
      await this.unitOfWork.run(async (tx) => {
        await this.leases.setState(event.leaseId, 'exhausted', tx);
        const domains = (await this.resources.of(event.tenantId, tx)).filter(
          (d) => d.hostId === event.hostId,
        );
        await this.outbox.write(tx, {
          tenantId: event.tenantId,
          type: 'lease.exhausted',
          subject: { type: 'lease', id: event.leaseId },
          data: { lease_id: event.leaseId, domain_ids: domains.map((d) => d.domainId), policy: event.state },
        });
        // There may be more to lend: the other half, or a budget raised a moment ago.
        await this.grantLeases.request(tx, event.tenantId);
      });
    });
    this.jobs.every('look-at-leases', LOOK_MS, async () => {
      const half = new Date(this.clock.now().getTime() + LEASE_MS / 2);
      for (const tenantId of await this.leases.due(half)) await this.request(tenantId);
    });
  }

  private async look({ rated }: LiveTenant): Promise<void> {
    for (const lease of await this.leases.open(rated.tenant.tenantId)) {
      const consumed = settledOf(lease, rated.usage.records, rated.usage.clock);
      const drawn = ceilRatio(exactDrawnPico(lease.items, consumed));
      const lent = lease.sentPico - lease.drawnPico;
      const halfDrawn = lease.state === 'active' && lent > 0n && (lease.sentPico - drawn) * 2n <= lent;
      const turned = lease.periodStartNs !== rated.month.period.fromNs && lease.state !== 'unconfirmed';
      if (halfDrawn || turned || this.isNewlySpent(lease, drawn)) return this.request(rated.tenant.tenantId);
    }
  }

  /**
   * A host says at once that its lease is exhausted, its readings follow. A renewal in between sees money left and does
   * nothing, so the first reading without any asks again.
   */
  private isNewlySpent(lease: LeaseRow, drawn: bigint): boolean {
    if (lease.state !== 'exhausted') {
      this.spent.delete(lease.id);
      return false;
    }
    if (!isSpent(lease, drawn) || this.spent.get(lease.id) === lease.generation) return false;
    this.spent.set(lease.id, lease.generation);
    return true;
  }

  private async request(tenantId: string): Promise<void> {
    await this.unitOfWork.run((tx) => this.grantLeases.request(tx, tenantId));
  }
}
