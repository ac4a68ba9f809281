import { Injectable } from '@nestjs/common';
import { LiveBill } from '../billing/live-bill.js';
import { picoWire } from '../catalog/money.dto.js';
import { PlanStore } from '../catalog/plan.store.js';
import { HostStore } from '../hosts/host.store.js';
import { actionsOf } from './domain-actions.js';
import type { DomainWire } from './domain.dto.js';
import type { DomainRow, VolumeRow } from './domain.store.js';

const MIB = 1_048_576n;
const FRAMES_PER_MIB = 256;

/** Puts domains on the wire: the row, its plan and place, what may be done with it, and what it costs now. */
@Injectable()
export class ShowDomain {
  private readonly locations = new Map<string, string>();

  constructor(
    private readonly plans: PlanStore,
    private readonly hosts: HostStore,
    private readonly liveBill: LiveBill,
  ) {}

  /** `forOperator` shows the host. Domains may be of several tenants. */
  async all(rows: DomainRow[], forOperator = false): Promise<DomainWire[]> {
    const plans = await this.plans.versionsById(rows.map((row) => row.planVersionId));
    const bills = new Map<string, Awaited<ReturnType<ShowDomain['billOf']>>>();
    for (const tenantId of new Set(rows.map((row) => row.tenantId)))
      bills.set(tenantId, await this.billOf(tenantId));
    const wires: DomainWire[] = [];
    for (const row of rows) {
      const { accrued, rates, currency } = bills.get(row.tenantId)!;
      const plan = plans.get(row.planVersionId)!;
      const { allowed, blocked } = actionsOf(row);
      wires.push({
        id: row.id,
        name: row.name,
        labels: row.labels,
        state: row.state,
        phase: row.phase,
        state_reason: row.stateReason,
        operation: row.operationId,
        holds: row.holds.map(({ cause, detail, since }) => ({ cause, detail, since: since.toISOString() })),
        allowed_actions: allowed,
        blocked_actions: blocked,
        plan: { id: plan.planId, name: plan.name, version_id: plan.planVersionId },
        config: {
          image: row.image,
          vcpus: row.vcpus,
          weight: row.weight,
          cap: row.cap,
          memory_mib: row.memoryFrames / FRAMES_PER_MIB,
          volumes: row.volumes.map((volume) => ({ id: volume.id, mib: Number(volume.bytes / MIB) })),
          ports: row.ports.map(({ guestPort, hostPort }) => ({
            guest_port: guestPort,
            host_port: hostPort,
            url: hostPort === null ? null : `http://127.0.0.1:${hostPort}/`,
          })),
        },
        location: row.hostId === null ? null : await this.locationOf(row.hostId),
        host_id: forOperator ? row.hostId : null,
        billing: {
          rate_now: picoWire(rates.get(row.id) ?? 0n, currency),
          accrued: picoWire(accrued.get(row.id) ?? 0n, currency),
        },
        created_at: row.createdAt.toISOString(),
        started_at: row.startedAt?.toISOString() ?? null,
      });
    }
    return wires;
  }

  async one(row: DomainRow, forOperator = false): Promise<DomainWire> {
    return (await this.all([row], forOperator))[0]!;
  }

  private async billOf(tenantId: string) {
    const live = await this.liveBill.current(tenantId);
    return {
      accrued: live.accruedPicoByScope,
      rates: live.ratePerHourByScope,
      currency: live.rated.tenant.currency,
    };
  }

  /** A host never moves, so its place is asked for once. */
  private async locationOf(hostId: string): Promise<string | null> {
    const known = this.locations.get(hostId);
    if (known) return known;
    const host = await this.hosts.get(hostId);
    if (host) this.locations.set(hostId, host.location);
    return host?.location ?? null;
  }
}

export function volumeWire(volume: VolumeRow) {
  return {
    id: volume.id,
    name: volume.name,
    mib: Number(volume.bytes / MIB),
    domain_id: volume.domainId,
    state: volume.state,
    created_at: volume.createdAt.toISOString(),
  };
}
