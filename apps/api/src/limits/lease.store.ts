import { Injectable } from '@nestjs/common';
import type { LeaseItem } from '@xenorack/accounting';
import { Database } from '../platform/database.js';
import type { Tx } from '../platform/unit-of-work.js';

export type LeasePolicy = 'alert' | 'throttle' | 'pause';

/** A lease series as the control plane holds it. */
export interface LeaseRow {
  id: string;
  tenantId: string;
  hostId: string;
  epoch: number;
  generation: number;
  /** Host's label of the cut the series starts at; null until the host has taken it. */
  sinceUtcNs: bigint | null;
  periodStartNs: bigint;
  items: LeaseItem[];
  policy: LeasePolicy;
  /** The most the host may have been told: counts as lent until a lower one is confirmed. */
  authorisedPico: bigint;
  /** What the last generation says. */
  sentPico: bigint;
  drawnPico: bigint;
  state: 'active' | 'exhausted' | 'unconfirmed' | 'settled';
  expiresAt: Date;
}

@Injectable()
export class LeaseStore {
  constructor(private readonly database: Database) {}

  /** Series that still count: money of theirs may be out. */
  async open(tenantId: string, tx?: Tx): Promise<LeaseRow[]> {
    const rows = await (tx ?? this.database.prisma).lease.findMany({
      where: { tenantId, state: { in: ['active', 'exhausted', 'unconfirmed'] } },
      orderBy: { id: 'asc' },
    });
    return rows.map(toRow);
  }

  /** Tenants with a series whose renewal is due. */
  async due(before: Date): Promise<string[]> {
    const rows = await this.database.prisma.lease.findMany({
      where: { state: { in: ['active', 'exhausted'] }, expiresAt: { lt: before } },
      select: { tenantId: true },
      distinct: ['tenantId'],
    });
    return rows.map((row) => row.tenantId);
  }

  async save(tx: Tx, lease: LeaseRow, now: Date): Promise<void> {
    const data = {
      ...lease,
      items: lease.items.map(encodeItem),
      authorisedPico: lease.authorisedPico.toString(),
      sentPico: lease.sentPico.toString(),
      drawnPico: lease.drawnPico.toString(),
      updatedAt: now,
    };
    await tx.lease.upsert({ where: { id: lease.id }, create: { ...data, createdAt: now }, update: data });
  }

  async setState(id: string, state: LeaseRow['state'], tx?: Tx): Promise<void> {
    await (tx ?? this.database.prisma).lease.updateMany({
      where: { id, state: { not: 'settled' } },
      data: { state },
    });
  }
}

type Stored = Awaited<ReturnType<Database['prisma']['lease']['findMany']>>[number];

function toRow(row: Stored): LeaseRow {
  return {
    ...row,
    items: (row.items as unknown as EncodedItem[]).map(decodeItem),
    policy: row.policy as LeasePolicy,
    state: row.state as LeaseRow['state'],
    authorisedPico: BigInt(row.authorisedPico.toFixed(0)),
    sentPico: BigInt(row.sentPico.toFixed(0)),
    drawnPico: BigInt(row.drawnPico.toFixed(0)),
  };
}

type EncodedItem = { [K in keyof LeaseItem]: string };

function encodeItem(item: LeaseItem): EncodedItem {
  return {
    ...item,
    freeQuantity: item.freeQuantity.toString(),
    priceNum: item.priceNum.toString(),
    priceDen: item.priceDen.toString(),
  };
}

function decodeItem(item: EncodedItem): LeaseItem {
  return {
    ...item,
    freeQuantity: BigInt(item.freeQuantity),
    priceNum: BigInt(item.priceNum),
    priceDen: BigInt(item.priceDen),
  };
}
