import { Injectable } from '@nestjs/common';
import { Database } from '../platform/database.js';
import type { Tx } from '../platform/unit-of-work.js';

/** A domain that may draw on its tenant's lease on a host. */
export interface LeasedDomain {
  domainId: string;
  hostId: string;
  /** Present boot epoch of the host. */
  epoch: number;
  planVersionId: string;
  vcpus: number;
  cap: number;
  memoryFrames: number;
  volumes: { volumeId: string; bytes: bigint }[];
  landingReservePico: bigint;
}

/** What leases are about, read from the domains' tables: limits stands below the domains' own floor. */
@Injectable()
export class LeasedResourcesStore {
  constructor(private readonly database: Database) {}

  async of(tenantId: string, tx?: Tx): Promise<LeasedDomain[]> {
    const rows = await (tx ?? this.database.prisma).$queryRaw<Record<string, never>[]>`
      SELECT d.id, d.host_id, h.epoch, d.plan_version_id, d.vcpus, d.cap, d.memory_frames,
             d.landing_reserve_pico::text AS landing,
             coalesce(jsonb_agg(jsonb_build_object('volumeId', v.id, 'bytes', v.bytes::text)) FILTER (WHERE v.id IS NOT NULL), '[]')
               AS volumes
        FROM domain d JOIN host h ON h.id = d.host_id
        LEFT JOIN volume v ON v.domain_id = d.id AND v.state IN ('provisioning', 'present')
       WHERE d.tenant_id = ${tenantId} AND d.phase IN ('provisioning', 'ready', 'deleting')
       GROUP BY d.id, h.epoch ORDER BY d.id`;
    return rows
      .filter((row) => row['epoch'] !== null)
      .map((row) => ({
        domainId: row['id']!,
        hostId: row['host_id']!,
        epoch: row['epoch']!,
        planVersionId: row['plan_version_id']!,
        vcpus: row['vcpus']!,
        cap: row['cap']!,
        memoryFrames: row['memory_frames']!,
        volumes: (row['volumes'] as unknown as { volumeId: string; bytes: string }[]).map((volume) => ({
          volumeId: volume.volumeId,
          bytes: BigInt(volume.bytes),
        })),
        landingReservePico: BigInt(row['landing']!),
      }));
  }

  /** Tenants with a domain on a host. */
  async tenantsOn(hostId: string): Promise<string[]> {
    const rows = await this.database.prisma.$queryRaw<{ tenant_id: string }[]>`
      SELECT DISTINCT tenant_id FROM domain WHERE host_id = ${hostId} AND phase IN ('provisioning', 'ready')`;
    return rows.map((row) => row.tenant_id);
  }
}
