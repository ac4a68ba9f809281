import { Injectable } from '@nestjs/common';
import { Database } from '../platform/database.js';
import type { Tx } from '../platform/unit-of-work.js';

export const QUOTA_NAMES = ['domains', 'vcpus', 'memory_mib', 'disk_mib'] as const;
export type QuotaName = (typeof QUOTA_NAMES)[number];

export interface QuotaRow {
  tenantId: string;
  name: QuotaName;
  ceiling: bigint;
  used: bigint;
  reserved: bigint;
  version: number;
}

export type QuotaAmounts = Record<QuotaName, bigint>;

@Injectable()
export class QuotaStore {
  constructor(private readonly database: Database) {}

  async list(tenantId: string, tx?: Tx): Promise<QuotaRow[]> {
    const rows = await (tx ?? this.database.prisma).quota.findMany({ where: { tenantId } });
    return sortByName(rows as unknown as QuotaRow[]);
  }

  /** The tenant's quotas, locked in one order so that parallel claims queue instead of deadlocking. */
  async lock(tx: Tx, tenantId: string): Promise<QuotaRow[]> {
    const rows = await tx.$queryRaw<QuotaRow[]>`
      SELECT tenant_id AS "tenantId", name, ceiling, used, reserved, version
        FROM quota WHERE tenant_id = ${tenantId} ORDER BY name FOR UPDATE`;
    return sortByName(rows);
  }

  async create(tx: Tx, tenantId: string, ceilings: QuotaAmounts): Promise<void> {
    await tx.quota.createMany({
      data: QUOTA_NAMES.map((name) => ({ tenantId, name, ceiling: ceilings[name] })),
    });
  }

  async setCeilings(tx: Tx, tenantId: string, ceilings: Partial<QuotaAmounts>): Promise<void> {
    for (const [name, ceiling] of Object.entries(ceilings)) {
      await tx.quota.update({
        where: { tenantId_name: { tenantId, name } },
        data: { ceiling, version: { increment: 1 } },
      });
    }
  }

  /** Adds reserved claims; the caller has locked the rows and checked that they fit. */
  async reserve(tx: Tx, tenantId: string, subjectId: string, amounts: Partial<QuotaAmounts>): Promise<void> {
    const names = QUOTA_NAMES.filter((name) => (amounts[name] ?? 0n) > 0n);
    const wanted = names.map((name) => amounts[name] ?? 0n);
    // One statement: each round trip more would lengthen the time in which the tenant's next claim has to wait.
    await tx.$executeRaw`
      WITH wanted AS (SELECT * FROM unnest(${names}::text[], ${wanted}::bigint[]) AS w (name, amount)),
           claimed AS (INSERT INTO quota_claim (tenant_id, name, subject_id, amount, state)
                       SELECT ${tenantId}, name, ${subjectId}, amount, 'reserved' FROM wanted)
      UPDATE quota q SET reserved = q.reserved + w.amount
        FROM wanted w WHERE q.tenant_id = ${tenantId} AND q.name = w.name`;
  }

  /** Reserved claims of a subject become used; repeating it changes nothing. */
  async confirm(tx: Tx, subjectId: string): Promise<void> {
    await tx.$executeRaw`
      WITH moved AS (UPDATE quota_claim SET state = 'used' WHERE subject_id = ${subjectId} AND state = 'reserved' RETURNING *)
      UPDATE quota q SET reserved = q.reserved - m.amount, used = q.used + m.amount
        FROM moved m WHERE q.tenant_id = m.tenant_id AND q.name = m.name`;
  }

  /** Gives a subject's claims back; repeating it changes nothing. */
  async release(tx: Tx, subjectId: string): Promise<void> {
    await tx.$executeRaw`
      WITH gone AS (DELETE FROM quota_claim WHERE subject_id = ${subjectId} RETURNING *)
      UPDATE quota q SET reserved = q.reserved - CASE WHEN g.state = 'reserved' THEN g.amount ELSE 0 END,
                         used = q.used - CASE WHEN g.state = 'used' THEN g.amount ELSE 0 END
        FROM gone g WHERE q.tenant_id = g.tenant_id AND q.name = g.name`;
  }
}

function sortByName(rows: QuotaRow[]): QuotaRow[] {
  return [...rows].sort((a, b) => QUOTA_NAMES.indexOf(a.name) - QUOTA_NAMES.indexOf(b.name));
}
