import { Injectable } from '@nestjs/common';
import { Database } from '../platform/database.js';
import type { Tx } from '../platform/unit-of-work.js';

export type DomainState = 'running' | 'paused' | 'halted' | 'crashed';
export type DomainPhase = 'provisioning' | 'ready' | 'deleting' | 'deleted' | 'failed';
export type HoldCause = 'tenant' | 'operator' | 'billing';

export interface PublishedPort {
  guestPort: number;
  hostPort: number | null;
}

export interface VolumeRow {
  id: string;
  tenantId: string;
  name: string;
  bytes: bigint;
  hostId: string | null;
  domainId: string | null;
  state: 'provisioning' | 'present' | 'deleting' | 'deleted' | 'failed';
  createdAt: Date;
}

export interface DomainRow {
  id: string;
  tenantId: string;
  name: string;
  labels: Record<string, string>;
  image: string;
  phase: DomainPhase;
  state: DomainState;
  stateReason: string;
  hostId: string | null;
  planVersionId: string;
  vcpus: number;
  weight: number;
  cap: number;
  memoryFrames: number;
  ports: PublishedPort[];
  landingReservePico: bigint;
  operationId: string | null;
  version: number;
  startedAt: Date | null;
  createdAt: Date;
  holds: { cause: HoldCause; detail: string; since: Date }[];
  volumes: VolumeRow[];
}

type NewDomain = Omit<DomainRow, 'holds' | 'volumes' | 'version' | 'startedAt' | 'createdAt'>;
type DomainChange = Partial<
  Pick<DomainRow, 'phase' | 'state' | 'stateReason' | 'ports' | 'operationId' | 'startedAt'> & {
    deletedAt: Date;
  }
>;

@Injectable()
export class DomainStore {
  constructor(private readonly database: Database) {}

  async insert(tx: Tx, domain: NewDomain, volumes: Omit<VolumeRow, 'createdAt'>[]): Promise<void> {
    const { landingReservePico, ports, ...columns } = domain;
    await tx.domain.create({
      data: { ...columns, ports: ports as object[], landingReservePico: landingReservePico.toString() },
    });
    await tx.volume.createMany({ data: volumes });
  }

  /** One domain of a tenant; any tenant's when none is named. Deleted ones are gone. */
  async find(id: string, tenantId?: string, tx?: Tx): Promise<DomainRow | null> {
    const rows = await this.query(
      tx,
      'domain_find',
      `${selectDomain} AND d.id = $1 AND ($2::text IS NULL OR d.tenant_id = $2)`,
      [id, tenantId ?? null],
    );
    return rows[0] ?? null;
  }

  /** The domain with its row locked until the transaction ends. */
  async lock(tx: Tx, id: string): Promise<DomainRow | null> {
    await tx.$queryRaw`SELECT 1 FROM domain WHERE id = ${id} FOR UPDATE`;
    return this.find(id, undefined, tx);
  }

  /** Oldest first from after an id. */
  async list(filter: {
    tenantId?: string;
    state?: string;
    name?: string;
    afterId?: string;
    take: number;
  }): Promise<DomainRow[]> {
    const { tenantId, state, name, afterId, take } = filter;
    return this.query(
      undefined,
      'domain_list',
      `${selectDomain} AND ($1::text IS NULL OR d.tenant_id = $1) AND ($2::text IS NULL OR d.state = $2)
         AND ($3::text IS NULL OR strpos(lower(d.name), lower($3)) > 0) AND ($4::text IS NULL OR d.id > $4)
       ORDER BY d.id LIMIT $5`,
      [tenantId ?? null, state ?? null, name ?? null, afterId ?? null, take],
    );
  }

  /** The same text inside a transaction of Prisma and, prepared once per connection, on the pool. */
  private async query(
    tx: Tx | undefined,
    name: string,
    text: string,
    values: unknown[],
  ): Promise<DomainRow[]> {
    const rows = tx
      ? await tx.$queryRawUnsafe<Selected[]>(text, ...values)
      : (await this.database.pool.query<Selected>({ name, text, values })).rows;
    return rows.map(toRow);
  }

  async count(tenantId: string): Promise<number> {
    return this.database.prisma.domain.count({ where: { tenantId, deletedAt: null } });
  }

  async update(tx: Tx, id: string, change: DomainChange): Promise<void> {
    const { ports, ...columns } = change;
    await tx.domain.update({
      where: { id },
      data: {
        ...columns,
        ...(ports === undefined ? {} : { ports: ports as object[] }),
        version: { increment: 1 },
      },
    });
  }

  async hold(tx: Tx, domainId: string, cause: HoldCause, detail: string): Promise<void> {
    await tx.hold.createMany({ data: [{ domainId, cause, detail }], skipDuplicates: true });
  }

  async releaseHold(tx: Tx, domainId: string, cause: HoldCause): Promise<void> {
    await tx.hold.deleteMany({ where: { domainId, cause } });
  }

  async setVolumeState(tx: Tx, id: string, state: VolumeRow['state'], deletedAt?: Date): Promise<void> {
    await tx.volume.update({ where: { id }, data: { state, ...(deletedAt ? { deletedAt } : {}) } });
  }

  async listVolumes(tenantId: string, afterId: string | undefined, take: number): Promise<VolumeRow[]> {
    const rows = await this.database.prisma.volume.findMany({
      where: { tenantId, deletedAt: null, ...(afterId === undefined ? {} : { id: { gt: afterId } }) },
      orderBy: { id: 'asc' },
      take,
    });
    return rows as VolumeRow[];
  }

  async findVolume(tenantId: string, id: string): Promise<VolumeRow | null> {
    return (await this.database.prisma.volume.findFirst({ where: { tenantId, id } })) as VolumeRow | null;
  }
}

/** A domain with its holds and volumes in one row: lists and single domains are the most asked for of all. */
const selectDomain = `
  SELECT d.id, d.tenant_id AS "tenantId", d.name, d.labels, d.image, d.phase, d.state, d.state_reason AS "stateReason",
         d.host_id AS "hostId", d.plan_version_id AS "planVersionId", d.vcpus, d.weight, d.cap,
         d.memory_frames AS "memoryFrames", d.ports, d.landing_reserve_pico::text AS "landingReservePico",
         d.operation_id AS "operationId", d.version, d.started_at AS "startedAt", d.created_at AS "createdAt",
         (SELECT coalesce(jsonb_agg(jsonb_build_object('cause', h.cause, 'detail', h.detail, 'since', h.since)
                 ORDER BY h.cause), '[]') FROM hold h WHERE h.domain_id = d.id) AS holds,
         (SELECT coalesce(jsonb_agg(jsonb_build_object('id', v.id, 'tenantId', v.tenant_id, 'name', v.name,
                 'bytes', v.bytes::text, 'hostId', v.host_id, 'domainId', v.domain_id, 'state', v.state,
                 'createdAt', v.created_at) ORDER BY v.id), '[]') FROM volume v WHERE v.domain_id = d.id) AS volumes
    FROM domain d WHERE d.deleted_at IS NULL`;

/** Inside JSON, instants and large integers are text. */
type Selected = Omit<DomainRow, 'landingReservePico' | 'holds' | 'volumes'> & {
  landingReservePico: string;
  holds: (Omit<DomainRow['holds'][number], 'since'> & { since: string })[];
  volumes: (Omit<VolumeRow, 'bytes' | 'createdAt'> & { bytes: string; createdAt: string })[];
};

function toRow(row: Selected): DomainRow {
  return {
    ...row,
    landingReservePico: BigInt(row.landingReservePico),
    holds: row.holds.map((hold) => ({ ...hold, since: new Date(hold.since) })),
    volumes: row.volumes.map((volume) => ({
      ...volume,
      bytes: BigInt(volume.bytes),
      createdAt: new Date(volume.createdAt),
    })),
  };
}
