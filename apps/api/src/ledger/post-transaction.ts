import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { LedgerTransaction, Result } from '@xenorack/accounting';
import type { Tx } from '../platform/unit-of-work.js';
import { LedgerStore } from './ledger.store.js';

/** Accounts of the house; all others belong to a tenant. */
const HOUSE_ACCOUNTS = new Set(['cash', 'revenue', 'tax', 'rounding', 'fees', 'breakage', 'fx_position']);

/** The only writer of the ledger. */
@Injectable()
export class PostTransaction {
  constructor(private readonly store: LedgerStore) {}

  /**
   * Posts a transaction of a template once per cause: the same body again changes nothing, another body under the same
   * cause is a bug and throws. A transaction without entries is not written.
   */
  async post(tx: Tx, made: Result<LedgerTransaction>): Promise<void> {
    if (!made.ok) throw new Error(`ledger template: ${made.error.message}`);
    const { cause, description, entries } = made.value;
    if (entries.length === 0) return;
    const postings = entries.map((entry) => ({
      account: entry.account,
      tenantId: HOUSE_ACCOUNTS.has(entry.account) ? null : entry.tenantId,
      currency: entry.currency,
      amountPico: entry.amountPico,
    }));
    const body = JSON.stringify(postings, (_, value: unknown) =>
      typeof value === 'bigint' ? value.toString() : value,
    );
    const bodyHash = createHash('sha256').update(body).digest();
    const known = await this.store.bodyHashOf(tx, cause);
    if (known?.equals(bodyHash)) return;
    if (known) throw new Error(`ledger cause ${cause} was posted with another body`);
    await this.store.append(tx, { cause, bodyHash, description, postings });
  }
}
