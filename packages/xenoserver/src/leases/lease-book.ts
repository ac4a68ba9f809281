/**
 * All leases of a host, as Allowances of its hypervisor.
 *
 * Design. A lease is one Allowance whose members are all domains of the tenant on this host, priced or not. A tenant
 * without a valid lease has a guard instead: an Allowance of balance 0 that pauses. So "no money, no running" is the
 * same mechanism as "money gone", in the same tick, and it needs no control plane. Leases are not kept over a restart:
 * they name the boot epoch, so a new epoch begins with every tenant under guard.
 *
 * Invariants. A tenant that has domains here is under a lease or under the guard. The first generation of a series counts
 * from the cut that is made when it is taken; nothing runs between that cut and the Allowance.
 */
import type { AllowanceSpec, AllowanceStatus } from '@xenorack/hypervisor';
import type { CommandError, HostEvent, Lease } from '../control.js';
import { faultInLease, LeaseSeries, type LeaseState } from './lease-series.js';

/** What the book needs of the live host. */
export interface LeaseHost {
  hostId: string;
  epoch: number;
  /** Label of this instant. */
  utcNs(): bigint;
  setAllowance(spec: AllowanceSpec): CommandError | null;
  removeAllowance(allowanceId: string): void;
  allowanceStatus(allowanceId: string): AllowanceStatus | null;
  domainsOf(tenantId: string): string[];
  /** Tenant of a resource of this host; null when there is none. */
  tenantOf(resourceId: string): string | null;
  /** Cuts every open incarnation of a tenant; answers the label. */
  cutTenant(tenantId: string, reason: string): bigint;
  emit(event: HostEvent): void;
}

const guardId = (tenantId: string): string => `guard/${tenantId}`;

export class LeaseBook {
  private readonly series = new Map<string, LeaseSeries>();
  private readonly guarded = new Set<string>();

  constructor(private readonly host: LeaseHost) {}

  /**
   * Puts a lease in force; answers the label its series counts from, or the error. A generation that is not newer
   * changes nothing. Errors: EINVAL, ESTALE (other epoch, past expiry).
   */
  take(lease: Lease): { utcNs: bigint; error: null } | { utcNs: null; error: CommandError } {
    const held = this.series.get(lease.leaseId);
    const error =
      faultInLease(lease, { hostId: this.host.hostId, epoch: this.host.epoch, utcNs: this.host.utcNs() }) ??
      this.foreignItem(lease) ??
      (held === undefined ? faultInFirst(lease) : held.faultIn(lease));
    if (error !== null) return { utcNs: null, error };
    if (held !== undefined && lease.generation <= held.lease.generation)
      return { utcNs: held.sinceUtcNs, error: null };
    return held === undefined ? this.begin(lease) : this.renew(held, lease);
  }

  /** Ends a series; answers the label of the cut that ends it, or null when there is none. */
  end(leaseId: string): bigint | null {
    const series = this.series.get(leaseId);
    if (series === undefined) return null;
    const { tenantId } = series.lease;
    const utcNs = this.host.cutTenant(tenantId, 'lease-end');
    this.series.delete(leaseId);
    // The guard comes first, so that nothing runs between the two.
    this.refresh(tenantId);
    this.host.removeAllowance(leaseId);
    return utcNs;
  }

  /** True when domains of this tenant may be started now. */
  covers(tenantId: string): boolean {
    return this.of(tenantId).some((series) => series.state !== 'expired');
  }

  /** Brings members and guard in line after the tenant's domains or leases changed. */
  refresh(tenantId: string): void {
    const members = this.host.domainsOf(tenantId);
    const all = this.of(tenantId);
    // An expired lease that does not pause goes on acting by its own policy.
    const uncovered = all.every((series) => series.state === 'expired' && series.lease.policy === 'pause');
    if (uncovered && members.length > 0) {
      this.guarded.add(tenantId);
      const guard: AllowanceSpec = {
        id: guardId(tenantId),
        members,
        balance: 0n,
        weights: [],
        policy: 'pause',
      };
      const error = this.host.setAllowance(guard);
      // Better no host than one that runs for nobody's money.
      if (error !== null) throw new Error(`guard of ${tenantId}: ${error.code} ${error.detail}`);
    }
    for (const series of all) this.host.setAllowance(series.allowance(members));
    if ((!uncovered || members.length === 0) && this.guarded.delete(tenantId)) {
      this.host.removeAllowance(guardId(tenantId));
    }
  }

  /** The earliest instant at which a lease ends by itself. */
  nextExpiryUtcNs(): bigint | null {
    let next: bigint | null = null;
    for (const series of this.series.values()) {
      if (series.state !== 'expired' && (next === null || series.expiresUtcNs < next))
        next = series.expiresUtcNs;
    }
    return next;
  }

  /** Acts on the leases whose time has come. */
  expire(utcNs: bigint): void {
    for (const series of this.series.values()) {
      if (series.state === 'expired' || series.expiresUtcNs > utcNs) continue;
      const drawn = this.host.allowanceStatus(series.lease.leaseId)?.drawn ?? 0n;
      this.change(series, 'expired', drawn, utcNs);
      this.refresh(series.lease.tenantId);
    }
  }

  /** The hypervisor says that an Allowance was warned of, exhausted or opened again. */
  noteAllowance(
    allowanceId: string,
    state: 'warned' | 'exhausted' | 'open',
    drawn: bigint,
    utcNs: bigint,
  ): void {
    const series = this.series.get(allowanceId);
    if (series === undefined || series.state === 'expired' || series.state === state) return;
    if (state === 'warned' && series.state === 'exhausted') return;
    this.change(series, state, drawn, utcNs);
  }

  private begin(lease: Lease): { utcNs: bigint; error: null } | { utcNs: null; error: CommandError } {
    const utcNs = this.host.cutTenant(lease.tenantId, 'lease');
    const series = new LeaseSeries(lease, utcNs);
    const error = this.host.setAllowance(series.allowance(this.host.domainsOf(lease.tenantId)));
    if (error !== null) return { utcNs: null, error };
    this.series.set(lease.leaseId, series);
    this.refresh(lease.tenantId);
    return { utcNs, error: null };
  }

  private renew(series: LeaseSeries, lease: Lease): { utcNs: bigint; error: null } {
    series.follow(lease);
    series.state = 'open';
    this.refresh(lease.tenantId);
    // Still exhausted, or nearly, after a raise that was too small: the machine has told it, so it is told again here.
    const status = this.host.allowanceStatus(lease.leaseId);
    if (status !== null) this.noteAllowance(lease.leaseId, status.state, status.drawn, this.host.utcNs());
    return { utcNs: series.sinceUtcNs, error: null };
  }

  private change(series: LeaseSeries, state: LeaseState, drawn: bigint, utcNs: bigint): void {
    series.state = state;
    if (state === 'open') return;
    const { leaseId, generation, tenantId, authorisedPico } = series.lease;
    this.host.emit({
      type: 'lease-changed',
      hostId: this.host.hostId,
      leaseId,
      generation,
      tenantId,
      state,
      drawnPico: drawn.toString(),
      authorisedPico,
      utcNs: utcNs.toString(),
    });
  }

  private foreignItem(lease: Lease): CommandError | null {
    for (const [at, item] of lease.items.entries()) {
      const tenantId = this.host.tenantOf(item.resourceId);
      if (tenantId !== null && tenantId !== lease.tenantId) {
        return {
          code: 'EINVAL',
          detail: `lease items[${at}].resourceId ${item.resourceId} is not of ${lease.tenantId}`,
        };
      }
    }
    return null;
  }

  private of(tenantId: string): LeaseSeries[] {
    return [...this.series.values()].filter((series) => series.lease.tenantId === tenantId);
  }
}

function faultInFirst(lease: Lease): CommandError | null {
  if (lease.sinceUtcNs === '0') return null;
  const detail = `lease sinceUtcNs is ${lease.sinceUtcNs}, a series this host does not hold starts with "0"`;
  return { code: 'EINVAL', detail };
}
