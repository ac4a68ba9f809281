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

const parts = { holds: { orderBy: { cause: 'asc' } }, volumes: { orderBy: { id: 'asc' } } } as const;

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
    const row = await (tx ?? this.database.prisma).domain.findFirst({
      where: { id, deletedAt: null, ...(tenantId === undefined ? {} : { tenantId }) },
      include: parts,
    });
    return row ? toRow(row) : null;
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
    const rows = await this.database.prisma.domain.findMany({
      where: {
        deletedAt: null,
        ...(tenantId === undefined ? {} : { tenantId }),
        ...(state === undefined ? {} : { state }),
        ...(name === undefined ? {} : { name: { contains: name, mode: 'insensitive' } }),
        ...(afterId === undefined ? {} : { id: { gt: afterId } }),
      },
      include: parts,
      orderBy: { id: 'asc' },
      take,
    });
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

function toRow(row: object): DomainRow {
  const stored = row as Omit<DomainRow, 'landingReservePico'> & {
    landingReservePico: { toFixed(digits: number): string };
  };
  return { ...stored, landingReservePico: BigInt(stored.landingReservePico.toFixed(0)) };
}
