import { Injectable } from '@nestjs/common';
import { Database } from '../platform/database.js';
import type { Tx } from '../platform/unit-of-work.js';

export type BudgetPolicy = 'alert' | 'throttle' | 'pause';

export interface BudgetRow {
  id: string;
  tenantId: string;
  name: string;
  amountPico: bigint;
  currency: string;
  policy: BudgetPolicy;
  thresholdsPercent: number[];
  firedPercent: number[];
  firedPeriodNs: bigint;
  version: number;
  createdAt: Date;
  updatedAt: Date;
}

type Stored = Omit<BudgetRow, 'amountPico'> & { amountPico: { toFixed(digits: number): string } };

@Injectable()
export class BudgetStore {
  constructor(private readonly database: Database) {}

  async list(tenantId: string, tx?: Tx): Promise<BudgetRow[]> {
    const rows = await (tx ?? this.database.prisma).budget.findMany({
      where: { tenantId },
      orderBy: { id: 'asc' },
    });
    return (rows as unknown as Stored[]).map(toRow);
  }

  async get(tenantId: string, id: string, tx?: Tx): Promise<BudgetRow | null> {
    const row = await (tx ?? this.database.prisma).budget.findFirst({ where: { tenantId, id } });
    return row ? toRow(row as unknown as Stored) : null;
  }

  async create(
    tx: Tx,
    budget: Pick<
      BudgetRow,
      'id' | 'tenantId' | 'name' | 'amountPico' | 'currency' | 'policy' | 'thresholdsPercent'
    >,
  ): Promise<BudgetRow> {
    const row = await tx.budget.create({ data: { ...budget, amountPico: budget.amountPico.toString() } });
    return toRow(row as unknown as Stored);
  }

  /** Changes a budget that still has `version`; null when it has moved on. */
  async update(
    tx: Tx,
    id: string,
    version: number,
    change: Partial<Pick<BudgetRow, 'name' | 'amountPico' | 'policy' | 'thresholdsPercent'>>,
    now: Date,
  ): Promise<BudgetRow | null> {
    const { amountPico, ...rest } = change;
    const { count } = await tx.budget.updateMany({
      where: { id, version },
      data: {
        ...rest,
        ...(amountPico === undefined ? {} : { amountPico: amountPico.toString() }),
        version: { increment: 1 },
        updatedAt: now,
      },
    });
    if (count === 0) return null;
    const row = await tx.budget.findUniqueOrThrow({ where: { id } });
    return toRow(row as unknown as Stored);
  }

  async delete(tx: Tx, id: string): Promise<void> {
    await tx.budget.delete({ where: { id } });
  }

  /** Remembers which thresholds were announced in which period. */
  async setFired(tx: Tx, id: string, firedPercent: number[], firedPeriodNs: bigint): Promise<void> {
    await tx.budget.update({ where: { id }, data: { firedPercent, firedPeriodNs } });
  }
}

function toRow(row: Stored): BudgetRow {
  return { ...row, amountPico: BigInt(row.amountPico.toFixed(0)) };
}
