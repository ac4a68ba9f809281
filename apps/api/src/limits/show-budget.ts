import { Injectable } from '@nestjs/common';
import { ceilRatio, exactDrawnPico } from '@xenorack/accounting';
import type { z } from 'zod';
import { LiveBill } from '../billing/live-bill.js';
import { instantWire } from '../catalog/instant.dto.js';
import { picoWire } from '../catalog/money.dto.js';
import { HostStore } from '../hosts/host.store.js';
import type { budgetSchema } from './budget.dto.js';
import type { BudgetRow } from './budget.store.js';
import { LeasedResourcesStore } from './leased-resources.store.js';
import { settledOf } from './lease-series.js';
import { LeaseStore } from './lease.store.js';

/** Puts budgets on the wire, with what is spent, what hosts hold of it, and how long it lasts at the present rate. */
@Injectable()
export class ShowBudget {
  constructor(
    private readonly liveBill: LiveBill,
    private readonly leases: LeaseStore,
    private readonly resources: LeasedResourcesStore,
    private readonly hosts: HostStore,
  ) {}

  async all(tenantId: string, budgets: BudgetRow[]): Promise<z.infer<typeof budgetSchema>[]> {
    const { rated, ratePerHourPico } = await this.liveBill.current(tenantId);
    const { currency } = rated.tenant;
    const hosts = new Map((await this.hosts.list()).map((host) => [host.id, host]));
    const leases = (await this.leases.open(tenantId)).map((lease) => ({
      host_location: hosts.get(lease.hostId)?.location ?? lease.hostId,
      authorised: picoWire(lease.authorisedPico, currency),
      drawn: picoWire(
        ceilRatio(exactDrawnPico(lease.items, settledOf(lease, rated.usage.records, rated.usage.clock))),
        currency,
      ),
      expires_at: lease.expiresAt.toISOString(),
    }));
    const reserve = (await this.resources.of(tenantId)).reduce(
      (sum, each) => sum + each.landingReservePico,
      0n,
    );
    const spent = rated.bill.accruedPico;
    return budgets.map((budget) => {
      const left = budget.amountPico - spent;
      const remaining = left > 0n ? left : 0n;
      const spendable = left > reserve ? left - reserve : 0n;
      return {
        id: budget.id,
        name: budget.name,
        amount: picoWire(budget.amountPico, budget.currency),
        policy: budget.policy,
        thresholds_percent: budget.thresholdsPercent,
        period: { start: instantWire(rated.month.period.fromNs), end: instantWire(rated.month.period.toNs) },
        spent: picoWire(spent, currency),
        remaining: picoWire(remaining, currency),
        percent: percentText(spent, budget.amountPico),
        state: stateOf(budget, spent, spendable),
        seconds_to_limit: ratePerHourPico === 0n ? null : ((spendable * 3_600n) / ratePerHourPico).toString(),
        leases: budget.policy === 'alert' ? [] : leases,
        landing_reserve: picoWire(reserve, currency),
        created_at: budget.createdAt.toISOString(),
        updated_at: budget.updatedAt.toISOString(),
      };
    });
  }
}

/** A budget that stops spending is used up when nothing beside the landing reserve is left of it. */
function stateOf(budget: BudgetRow, spent: bigint, spendable: bigint): 'ok' | 'warned' | 'exhausted' {
  if (budget.policy === 'alert' ? spent >= budget.amountPico : spendable === 0n) return 'exhausted';
  const lowest = Math.min(100, ...budget.thresholdsPercent);
  return spent * 100n >= budget.amountPico * BigInt(lowest) ? 'warned' : 'ok';
}

function percentText(spent: bigint, amount: bigint): string {
  const hundredths = amount === 0n ? 10_000n : (spent * 10_000n) / amount;
  return `${hundredths / 100n}.${(hundredths % 100n).toString().padStart(2, '0')}`;
}
