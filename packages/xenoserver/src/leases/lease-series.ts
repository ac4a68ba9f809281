/**
 * One series of leases as the host holds it: generations of the same `leaseId`, drawn as one cumulative amount.
 *
 * Invariants. Inside a series the tenant and the start never change; an item keeps its free quantity and price, or what
 * was free once would be free again; an item that was dropped does not come back.
 */
import {
  DOMAIN_METERS,
  VOLUME_METERS,
  type AllowanceSpec,
  type AllowanceWeight,
  type Meter,
} from '@xenorack/hypervisor';
import type { CommandError, Lease, LeaseItem } from '../control.js';

const METER_NAMES: ReadonlySet<string> = new Set([...DOMAIN_METERS, ...VOLUME_METERS]);

export type LeaseState = 'open' | 'warned' | 'exhausted' | 'expired';

const POLICIES = { alert: 'warn', throttle: 'throttle', pause: 'pause' } as const;

function itemKey(item: LeaseItem): string {
  return `${item.resourceId}|${item.meter}|${item.state ?? 'any'}`;
}

function itemTerms(item: LeaseItem): string {
  return `free ${item.freeQuantity} at ${item.picoNumerator}/${item.picoDenominator}`;
}

export class LeaseSeries {
  state: LeaseState = 'open';
  private readonly everTerms = new Map<string, string>();

  constructor(
    public lease: Lease,
    /** Label of the cut the series counts from. */
    readonly sinceUtcNs: bigint,
  ) {
    this.remember(lease);
  }

  get expiresUtcNs(): bigint {
    return BigInt(this.lease.expiresUtcNs);
  }

  /** Why `next` can not follow in this series; null when it can. */
  faultIn(next: Lease): CommandError | null {
    const { tenantId, items } = this.lease;
    if (next.tenantId !== tenantId)
      return invalid(`lease tenantId is ${next.tenantId}, the series has ${tenantId}`);
    if (next.sinceUtcNs !== '0' && BigInt(next.sinceUtcNs) !== this.sinceUtcNs) {
      return invalid(`lease sinceUtcNs is ${next.sinceUtcNs}, the series started at ${this.sinceUtcNs}`);
    }
    const held = new Set(items.map(itemKey));
    for (const [at, item] of next.items.entries()) {
      const terms = this.everTerms.get(itemKey(item));
      if (terms === undefined) continue;
      if (!held.has(itemKey(item)))
        return invalid(`lease items[${at}] was dropped from the series and can not come back`);
      if (terms !== itemTerms(item)) {
        return invalid(
          `lease items[${at}] is ${itemTerms(item)}, the series has ${terms}; new terms need a new series`,
        );
      }
    }
    return null;
  }

  follow(next: Lease): void {
    this.lease = next;
    this.remember(next);
  }

  /** The Allowance of this lease; an expired one has nothing left to draw. */
  allowance(members: readonly string[]): AllowanceSpec {
    const authorised = BigInt(this.lease.authorisedPico);
    return {
      id: this.lease.leaseId,
      members: [...new Set([...members, ...this.lease.items.map((item) => item.resourceId)])],
      balance: this.state === 'expired' ? 0n : authorised,
      warnAt: (authorised * 9n) / 10n,
      policy: POLICIES[this.lease.policy],
      weights: this.lease.items.map(weightOf),
    };
  }

  private remember(lease: Lease): void {
    for (const item of lease.items) this.everTerms.set(itemKey(item), itemTerms(item));
  }
}

/** What is wrong with a lease by itself, on this host; null when nothing is. */
export function faultInLease(
  lease: Lease,
  host: { hostId: string; epoch: number; utcNs: bigint },
): CommandError | null {
  if (lease.hostId !== host.hostId)
    return invalid(`lease hostId is ${lease.hostId}, this host is ${host.hostId}`);
  if (lease.epoch !== host.epoch) {
    return { code: 'ESTALE', detail: `lease epoch is ${lease.epoch}, this host is in epoch ${host.epoch}` };
  }
  if (BigInt(lease.expiresUtcNs) <= host.utcNs) {
    return {
      code: 'ESTALE',
      detail: `lease expiresUtcNs ${lease.expiresUtcNs} is past, it is ${host.utcNs}`,
    };
  }
  const seen = new Set<string>();
  for (const [at, item] of lease.items.entries()) {
    if (!METER_NAMES.has(item.meter))
      return invalid(`lease items[${at}].meter is ${item.meter}, no such meter`);
    if (seen.has(itemKey(item))) return invalid(`lease items[${at}] is given twice: ${itemKey(item)}`);
    seen.add(itemKey(item));
  }
  return null;
}

function weightOf(item: LeaseItem): AllowanceWeight {
  return {
    resourceId: item.resourceId,
    meter: item.meter as Meter,
    state: item.state ?? 'any',
    numerator: BigInt(item.picoNumerator),
    denominator: BigInt(item.picoDenominator),
    free: BigInt(item.freeQuantity),
  };
}

function invalid(detail: string): CommandError {
  return { code: 'EINVAL', detail };
}
