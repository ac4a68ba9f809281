import { Injectable } from '@nestjs/common';
import { Database } from '../platform/database.js';
import { newId } from '../platform/ids.js';
import type { Tx } from '../platform/unit-of-work.js';

export interface LedgerEntryRow {
  id: string;
  transactionId: string;
  at: Date;
  account: string;
  amountPico: bigint;
  currency: string;
  cause: string;
  description: string;
}

export interface LedgerPosting {
  /** Account kind of the chart, of the tenant or of the house (null). */
  account: string;
  tenantId: string | null;
  currency: string;
  /** Debit positive, credit negative. */
  amountPico: bigint;
}

@Injectable()
export class LedgerStore {
  constructor(private readonly database: Database) {}

  /** Hash of the transaction already posted for a cause, or null. */
  async bodyHashOf(tx: Tx, cause: string): Promise<Buffer | null> {
    const row = await tx.ledgerTransaction.findUnique({ where: { cause }, select: { bodyHash: true } });
    return row ? Buffer.from(row.bodyHash) : null;
  }

  async append(
    tx: Tx,
    transaction: { cause: string; bodyHash: Buffer; description: string; postings: LedgerPosting[] },
  ): Promise<void> {
    const id = newId('ltx');
    const { cause, bodyHash, description, postings } = transaction;
    await tx.ledgerTransaction.create({
      data: { id, cause, bodyHash: new Uint8Array(bodyHash), description },
    });
    const data = [];
    for (const posting of postings) {
      const accountId = await this.accountId(tx, posting);
      data.push({
        id: newId('len'),
        transactionId: id,
        accountId,
        amountPico: posting.amountPico.toString(),
      });
    }
    await tx.ledgerEntry.createMany({ data });
  }

  /** What was accrued for a tenant and a period so far: the unbilled side of all transactions whose cause has a prefix. */
  async accruedUnder(tx: Tx, tenantId: string, causePrefix: string): Promise<bigint> {
    const rows = await tx.$queryRaw<{ accrued: string | null }[]>`
      SELECT sum(e.amount_pico)::text AS accrued
        FROM ledger_transaction t JOIN ledger_entry e ON e.transaction_id = t.id JOIN ledger_account a ON a.id = e.account_id
       WHERE starts_with(t.cause, ${causePrefix}) AND a.tenant_id = ${tenantId} AND a.kind = 'unbilled'`;
    return BigInt(rows[0]?.accrued ?? '0');
  }

  async balances(): Promise<{ account: string; currency: string; balancePico: bigint }[]> {
    const rows = await this.database.prisma.$queryRaw<{ kind: string; currency: string; balance: string }[]>`
      SELECT a.kind, a.currency, sum(e.amount_pico)::text AS balance
        FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id
       GROUP BY a.kind, a.currency ORDER BY a.currency, a.kind`;
    return rows.map((row) => ({
      account: row.kind,
      currency: row.currency,
      balancePico: BigInt(row.balance),
    }));
  }

  /** Entries of a tenant's accounts, newest first. */
  async entriesOf(tenantId: string, beforeId: string | undefined, count: number): Promise<LedgerEntryRow[]> {
    const rows = await this.database.prisma.$queryRaw<Record<string, never>[]>`
      SELECT e.id, e.transaction_id, t.at, a.kind, e.amount_pico::text AS amount, a.currency, t.cause, t.description
        FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id JOIN ledger_transaction t ON t.id = e.transaction_id
       WHERE a.tenant_id = ${tenantId} AND (${beforeId ?? null}::text IS NULL OR e.id < ${beforeId ?? null})
       ORDER BY e.id DESC LIMIT ${count}`;
    return rows.map((row) => ({
      id: row['id']!,
      transactionId: row['transaction_id']!,
      at: row['at']!,
      account: row['kind']!,
      amountPico: BigInt(row['amount']!),
      currency: row['currency']!,
      cause: row['cause']!,
      description: row['description']!,
    }));
  }

  private async accountId(tx: Tx, posting: LedgerPosting): Promise<string> {
    const { tenantId, account, currency } = posting;
    const id = tenantId === null ? `acc_${account}_${currency}` : `acc_${account}_${currency}_${tenantId}`;
    await tx.ledgerAccount.createMany({
      data: [{ id, tenantId, kind: account, currency }],
      skipDuplicates: true,
    });
    return id;
  }
}
