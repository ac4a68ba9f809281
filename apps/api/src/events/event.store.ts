import { Injectable } from '@nestjs/common';
import { Database } from '../platform/database.js';
import { toEventWire } from '../platform/event-feed.js';
import type { EventWire } from '../platform/event-map.js';

@Injectable()
export class EventStore {
  constructor(private readonly database: Database) {}

  async newestSeq(): Promise<bigint> {
    const counter = await this.database.prisma.outboxCounter.findUniqueOrThrow({ where: { id: 1 } });
    return counter.lastSeq;
  }

  /** Whether more than `count` events follow after `seq`. */
  async hasMoreThan(tenantId: string | null, seq: bigint, count: number): Promise<boolean> {
    const row = await this.database.prisma.outboxEvent.findFirst({
      where: { seq: { gt: seq }, ...(tenantId === null ? {} : { tenantId }) },
      orderBy: { seq: 'asc' },
      skip: count,
      select: { id: true },
    });
    return row !== null;
  }

  /** Newest first, below `before`. */
  async list(filter: {
    tenantId?: string;
    types?: string[];
    subjectId?: string;
    before?: bigint;
    take: number;
  }): Promise<EventWire[]> {
    const { tenantId, types, subjectId, before, take } = filter;
    const rows = await this.database.prisma.outboxEvent.findMany({
      where: {
        tenantId,
        subjectId,
        type: types === undefined ? undefined : { in: types },
        seq: before === undefined ? { not: null } : { lt: before },
      },
      orderBy: { seq: 'desc' },
      take,
    });
    return rows.map(toEventWire);
  }
}
