/**
 * Pure steps between the stored leases of a tenant and the arithmetic of accounting/lease.
 */
import {
  leaseItems,
  quantitiesAtFullUse,
  type LeaseItem,
  type OutstandingSeries,
  type PlanVersion,
  type PowerState,
  type RatedPeriod,
  type UsageRecord,
} from '@xenorack/accounting';
import type { Lease } from '@xenorack/xenoserver';
import type { TenantClock } from '../metering/tenant-clock.js';
import type { LeasedDomain } from './leased-resources.store.js';
import type { LeaseRow } from './lease.store.js';

const HOUR_NS = 3_600_000_000_000n;
/** What a domain can move through its devices at most, per second: the backends serve no more. */
const DEVICE_RATES_PER_SECOND: Record<string, bigint> = {
  'net.public.rx.bytes': 125_000_000n,
  'net.public.tx.bytes': 125_000_000n,
  'disk.read.bytes': 200_000_000n,
  'disk.write.bytes': 200_000_000n,
  'disk.read.ops': 10_000n,
  'disk.write.ops': 10_000n,
};
const DOMAIN_STATES: readonly PowerState[] = ['running', 'paused'];
/** Volumes are metered in one state; see metering/tenant-usage.ts. */
const VOLUME_STATES: readonly PowerState[] = ['running'];

/** What each item of a series consumed since its start, from stored readings. */
export function settledOf(lease: LeaseRow, records: readonly UsageRecord[], clock: TenantClock): bigint[] {
  if (lease.sinceUtcNs === null) return lease.items.map(() => 0n);
  const sinceLabel = lease.sinceUtcNs + clock.offsetAt(lease.hostId, lease.sinceUtcNs);
  const life = `${lease.hostId}/${lease.epoch}/`;
  const consumed = new Map<string, bigint>();
  for (const record of records) {
    if (record.fromNs < sinceLabel || !record.incarnationId.startsWith(life)) continue;
    const key = `${record.resourceId} ${record.meter} ${record.state}`;
    consumed.set(key, (consumed.get(key) ?? 0n) + record.quantity);
  }
  return lease.items.map((item) => consumed.get(`${item.resourceId} ${item.meter} ${item.state}`) ?? 0n);
}

export function outstandingOf(
  lease: LeaseRow,
  records: readonly UsageRecord[],
  clock: TenantClock,
): OutstandingSeries {
  return {
    seriesId: lease.id,
    items: lease.items,
    authorisedPico: lease.authorisedPico,
    settled: settledOf(lease, records, clock),
  };
}

/** Items for the resources of a host that a series does not have yet; the terms of those it has never change. */
export function missingItems(
  have: readonly LeaseItem[],
  domains: readonly LeasedDomain[],
  plans: ReadonlyMap<string, PlanVersion>,
  committed: RatedPeriod,
): LeaseItem[] {
  const covered = new Set(have.map((item) => item.resourceId));
  return domains.flatMap((domain) => {
    const plan = plans.get(domain.planVersionId)!;
    const resources = [
      { resourceId: domain.domainId, states: DOMAIN_STATES, kind: 'domain' },
      ...domain.volumes.map(({ volumeId }) => ({
        resourceId: volumeId,
        states: VOLUME_STATES,
        kind: 'volume',
      })),
    ];
    return resources
      .filter(({ resourceId }) => !covered.has(resourceId))
      .flatMap(({ resourceId, states, kind }) =>
        leaseItems({ resourceId, plan, states, committed }).filter(
          (item) => item.meter.startsWith('disk.') === (kind === 'volume'),
        ),
      );
  });
}

/** The most the domains of a host can burn in an hour, in pico, at the prices of their lease items. */
export function burnParts(items: readonly LeaseItem[], domains: readonly LeasedDomain[]) {
  const priceOf = new Map(items.map((item) => [`${item.resourceId} ${item.meter} ${item.state}`, item]));
  return domains.flatMap((domain) => {
    const config = {
      vcpus: BigInt(domain.vcpus),
      capPercent: BigInt(domain.cap),
      memoryFrames: BigInt(domain.memoryFrames),
      volumeBytes: domain.volumes.map((volume) => volume.bytes),
      ratesPerSecond: DEVICE_RATES_PER_SECOND,
    };
    return quantitiesAtFullUse(config, HOUR_NS).flatMap(({ resource, meter, quantity }) => {
      const place = resource === 'domain' ? null : Number(resource.slice('volume-'.length));
      const resourceId = place === null ? domain.domainId : domain.volumes[place]?.volumeId;
      const item = priceOf.get(`${resourceId} ${meter} running`);
      if (!item) return [];
      return [{ priceNum: item.priceNum, priceDen: item.priceDen, quantityPerHour: quantity }];
    });
  });
}

/** The lease as it is signed and sent. */
export function leaseWire(lease: LeaseRow): Lease {
  return {
    leaseId: lease.id,
    tenantId: lease.tenantId,
    hostId: lease.hostId,
    epoch: lease.epoch,
    generation: lease.generation,
    sinceUtcNs: (lease.sinceUtcNs ?? 0n).toString(),
    items: lease.items.map((item) => ({
      resourceId: item.resourceId,
      meter: item.meter,
      // A volume has no power state of its own on the host.
      state: item.meter.startsWith('disk.') ? null : (item.state as 'running' | 'paused'),
      freeQuantity: item.freeQuantity.toString(),
      picoNumerator: item.priceNum.toString(),
      picoDenominator: item.priceDen.toString(),
    })),
    authorisedPico: lease.sentPico.toString(),
    policy: lease.policy,
    expiresUtcNs: (BigInt(lease.expiresAt.getTime()) * 1_000_000n).toString(),
  };
}

/**
 * Whether nothing of a lease is left to spend, by its readings. A host also calls a lease exhausted when the next act
 * does not fit what little is left: with less than a hundredth of the loan it is spent too.
 */
export function isSpent(lease: LeaseRow, drawnPico: bigint): boolean {
  const left = lease.sentPico - drawnPico;
  return left <= 0n || (lease.state === 'exhausted' && left * 100n <= lease.sentPico - lease.drawnPico);
}
