import { Injectable } from '@nestjs/common';
import { Database } from '../platform/database.js';
import type { Tx } from '../platform/unit-of-work.js';

/** The money side of a tenant. */
export interface TenantTerms {
  tenantId: string;
  currency: string;
  timeZone: string;
  mode: 'live' | 'test';
  creditLimitPico: bigint;
  taxPermille: number;
  issuerId: string;
}

const selectTerms = `
  SELECT t.currency, t.time_zone, t.mode, m.credit_limit_pico::text AS credit, m.tax_permille, m.issuer_id
    FROM tenant t JOIN tenant_terms m ON m.tenant_id = t.id WHERE t.id = $1`;

@Injectable()
export class TermsStore {
  constructor(private readonly database: Database) {}

  async of(tenantId: string, tx?: Tx): Promise<TenantTerms> {
    const rows = tx
      ? await tx.$queryRawUnsafe<Record<string, never>[]>(selectTerms, tenantId)
      : (await this.database.pool.query({ name: 'tenant_terms', text: selectTerms, values: [tenantId] }))
          .rows;
    const row = rows[0];
    if (!row) throw new Error(`tenant ${tenantId} has no terms`);
    return {
      tenantId,
      currency: row['currency']!,
      timeZone: row['time_zone']!,
      mode: row['mode']!,
      creditLimitPico: BigInt(row['credit']!),
      taxPermille: row['tax_permille']!,
      issuerId: row['issuer_id']!,
    };
  }

  async create(tx: Tx, terms: Omit<TenantTerms, 'currency' | 'timeZone' | 'mode'>): Promise<void> {
    await tx.tenantTerms.create({
      data: { ...terms, creditLimitPico: terms.creditLimitPico.toString() },
    });
  }

  /** Lets one transaction at a time change what the tenant may spend. */
  async lock(tx: Tx, tenantId: string): Promise<void> {
    await tx.$queryRaw`SELECT 1 FROM tenant_terms WHERE tenant_id = ${tenantId} FOR UPDATE`;
  }
}
