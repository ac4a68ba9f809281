import { Injectable } from '@nestjs/common';
import { Database, jsonColumn, type Tx } from '../platform/database.js';

export type OperationStatus = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';

export interface OperationRow {
  id: string;
  tenantId: string | null;
  type: string;
  subjectType: string;
  subjectId: string;
  status: OperationStatus;
  percent: number;
  stage: string | null;
  actor: { kind: string; user_id: string | null; key_id: string | null };
  cancellable: boolean;
  error: Record<string, unknown> | null;
  costEffect: Record<string, unknown> | null;
  createdAt: Date;
  startedAt: Date | null;
  finishedAt: Date | null;
}

export interface OperationChange {
  status: OperationStatus;
  percent?: number;
  stage?: string | null;
  error?: Record<string, unknown>;
  startedAt?: Date;
  finishedAt?: Date;
}

@Injectable()
export class OperationStore {
  constructor(private readonly database: Database) {}

  async insert(tx: Tx, row: OperationRow): Promise<void> {
    const { actor, error, costEffect, ...columns } = row;
    await tx.operation.create({
      data: { ...columns, actor, error: jsonColumn(error), costEffect: jsonColumn(costEffect) },
      select: { id: true },
    });
  }

  /** Locks the row, so that of two changes the second sees the first. */
  async lock(tx: Tx, id: string): Promise<OperationRow | null> {
    await tx.$queryRaw`SELECT id FROM operation WHERE id = ${id} FOR UPDATE`;
    return this.find(id, undefined, tx);
  }

  async update(tx: Tx, id: string, change: OperationChange): Promise<void> {
    const { error, ...columns } = change;
    await tx.operation.update({
      where: { id },
      data: { ...columns, ...(error === undefined ? {} : { error: jsonColumn(error) }) },
      select: { id: true },
    });
  }

  /** @param tenantId Another tenant's operation is not found; undefined looks at all of them. */
  async find(id: string, tenantId?: string, tx: Tx = this.database.prisma): Promise<OperationRow | null> {
    return (await tx.operation.findFirst({ where: { id, tenantId } })) as OperationRow | null;
  }

  /** Newest first. */
  async list(filter: {
    tenantId?: string;
    subjectId?: string;
    status?: string;
    before?: string;
    take: number;
  }): Promise<OperationRow[]> {
    const { tenantId, subjectId, status, before, take } = filter;
    const rows = await this.database.prisma.operation.findMany({
      where: { tenantId, subjectId, status, id: before === undefined ? undefined : { lt: before } },
      orderBy: { id: 'desc' },
      take,
    });
    return rows as OperationRow[];
  }
}
