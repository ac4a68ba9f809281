import { Injectable } from '@nestjs/common';
import { effectiveCapPico } from '@xenorack/accounting';
import type { TenantTerms } from '../billing/terms.store.js';
import type { Tx } from '../platform/unit-of-work.js';
import { BudgetStore } from './budget.store.js';
import type { LeasePolicy } from './lease.store.js';

/** cap_effective of a tenant: net money it may spend in the period, and what happens when it is gone. */
export interface CapInForce {
  capPico: bigint;
  policy: LeasePolicy;
  /** The budget that is the cap; null when it is the credit limit. */
  budgetId: string | null;
}

@Injectable()
export class SpendingCap {
  constructor(private readonly budgets: BudgetStore) {}

  /** The tightest of the budgets that stop spending, and the credit limit, which pauses. */
  async of(tenant: TenantTerms, tx?: Tx): Promise<CapInForce> {
    const stopping = (await this.budgets.list(tenant.tenantId, tx)).filter(
      (budget) => budget.policy !== 'alert',
    );
    const tightest = stopping.reduce<(typeof stopping)[number] | null>(
      (least, budget) => (least === null || budget.amountPico < least.amountPico ? budget : least),
      null,
    );
    const capPico = effectiveCapPico({
      creditLimitPico: tenant.creditLimitPico,
      ...(tightest ? { stopBudgetPico: tightest.amountPico } : {}),
    })!;
    if (tightest && tightest.amountPico <= tenant.creditLimitPico) {
      return { capPico, policy: tightest.policy as LeasePolicy, budgetId: tightest.id };
    }
    return { capPico, policy: 'pause', budgetId: null };
  }
}
