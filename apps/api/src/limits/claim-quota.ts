import { checkQuotas, type QuotaQuestion } from '@xenorack/accounting';
import { refuse } from '../platform/problem.js';
import type { Tx } from '../platform/unit-of-work.js';
import type { QuotaAmounts, QuotaRow, QuotaStore } from './quota.store.js';

export const QUOTA_UNITS = { domains: 'count', vcpus: 'count', memory_mib: 'MiB', disk_mib: 'MiB' } as const;

/**
 * Claims what a domain will hold, or refuses with limit_exceeded naming every breached quota. The rows are locked, so
 * of parallel claims exactly those that fit succeed.
 */
export async function claimQuota(
  store: QuotaStore,
  tx: Tx,
  tenantId: string,
  subjectId: string,
  amounts: QuotaAmounts,
): Promise<void> {
  const answer = checkQuotas(questionsOf(await store.lock(tx, tenantId), amounts));
  if (!answer.ok) {
    const names = answer.breaches.map((breach) => breach.name).join(', ');
    throw refuse('limit_exceeded', `Not enough left of: ${names}.`, {
      limits: answer.breaches.map((breach) => ({
        name: breach.name,
        unit: breach.unit,
        limit: breach.limit.toString(),
        used: breach.used.toString(),
        reserved: breach.reserved.toString(),
        requested: breach.requested.toString(),
        short_by: breach.shortBy.toString(),
      })),
    });
  }
  await store.reserve(tx, tenantId, subjectId, amounts);
}

export function questionsOf(rows: QuotaRow[], amounts: QuotaAmounts): QuotaQuestion[] {
  return rows.map((row) => ({
    name: row.name,
    unit: QUOTA_UNITS[row.name],
    limit: row.ceiling,
    used: row.used,
    reserved: row.reserved,
    requested: amounts[row.name],
  }));
}
