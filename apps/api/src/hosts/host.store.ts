import { Injectable } from '@nestjs/common';
import type { HostFigures } from '@xenorack/xenoserver';
import { Database } from '../platform/database.js';
import type { Tx } from '../platform/unit-of-work.js';

export interface HostRow {
  id: string;
  name: string;
  location: string;
  pcpus: number;
  framesTotal: number;
  framesSellable: number;
  framesClaimed: number;
  state: 'up' | 'down' | 'frozen';
  cordoned: boolean;
  epoch: number | null;
  figures: HostFigures | null;
  lastSeenAt: Date | null;
}

export interface HostBoot {
  hostId: string;
  epoch: number;
  publicKey: string;
  bootUtcNs: bigint;
}

@Injectable()
export class HostStore {
  constructor(private readonly database: Database) {}

  async list(): Promise<HostRow[]> {
    return (await this.database.prisma.host.findMany({ orderBy: { id: 'asc' } })) as unknown as HostRow[];
  }

  async get(id: string, tx?: Tx): Promise<HostRow | null> {
    return (await (tx ?? this.database.prisma).host.findUnique({
      where: { id },
    })) as unknown as HostRow | null;
  }

  async create(
    tx: Tx,
    host: Pick<HostRow, 'id' | 'name' | 'location' | 'pcpus' | 'framesTotal' | 'framesSellable'>,
  ): Promise<void> {
    await tx.host.create({ data: host });
  }

  /** A new boot epoch: the host is up, and readings of this epoch verify with this key. */
  async booted(tx: Tx, boot: HostBoot, now: Date): Promise<void> {
    const { hostId, epoch, publicKey, bootUtcNs } = boot;
    await tx.hostEpoch.upsert({
      where: { hostId_epoch: { hostId, epoch } },
      create: { hostId, epoch, publicKey, bootUtcNs },
      update: {},
    });
    await tx.host.update({ where: { id: hostId }, data: { state: 'up', epoch, lastSeenAt: now } });
  }

  async publicKeyOf(hostId: string, epoch: number): Promise<string | null> {
    const row = await this.database.prisma.hostEpoch.findUnique({
      where: { hostId_epoch: { hostId, epoch } },
    });
    return row?.publicKey ?? null;
  }

  async setState(hostId: string, state: HostRow['state']): Promise<void> {
    await this.database.prisma.host.update({ where: { id: hostId }, data: { state } });
  }

  /** Null when there is no such host. */
  async setCordoned(hostId: string, cordoned: boolean): Promise<HostRow | null> {
    await this.database.prisma.host.updateMany({ where: { id: hostId }, data: { cordoned } });
    return this.get(hostId);
  }

  async seen(hostId: string, figures: HostFigures, now: Date): Promise<void> {
    await this.database.prisma.host.update({
      where: { id: hostId },
      data: { figures: figures as object, lastSeenAt: now },
    });
  }

  /**
   * Reserves frames on the emptiest host that is up and not cordoned, in one statement, so that parallel creates can
   * not both take the last frames. Answers the host's id, or null when nothing fits.
   */
  async claimFrames(tx: Tx, frames: number): Promise<string | null> {
    const rows = await tx.$queryRaw<{ id: string }[]>`
      UPDATE host SET frames_claimed = frames_claimed + ${frames}
       WHERE id = (SELECT id FROM host
                    WHERE state = 'up' AND NOT cordoned AND frames_claimed + ${frames} <= frames_sellable
                    ORDER BY frames_claimed::numeric / frames_sellable, id LIMIT 1 FOR UPDATE)
         AND frames_claimed + ${frames} <= frames_sellable
      RETURNING id`;
    return rows[0]?.id ?? null;
  }

  async releaseFrames(tx: Tx, hostId: string, frames: number): Promise<void> {
    await tx.$executeRaw`UPDATE host SET frames_claimed = frames_claimed - ${frames} WHERE id = ${hostId}`;
  }

  async countDomains(): Promise<Map<string, number>> {
    const rows = await this.database.prisma.domain.groupBy({
      by: ['hostId'],
      where: { deletedAt: null, hostId: { not: null } },
      _count: { _all: true },
    });
    return new Map(rows.map((row) => [row.hostId as string, row._count._all]));
  }
}
