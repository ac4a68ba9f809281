/**
 * A tenant's period through the one rater: the live bill, leases, budgets and the invoice all start here.
 */
import { Injectable } from '@nestjs/common';
import {
  monthContaining,
  rateTotals,
  runningBill,
  totalUsage,
  type Month,
  type RatedPeriod,
  type RatingTerms,
  type Result,
  type RunningBill,
  type TaxGroup,
  type UsageTotals,
} from '@xenorack/accounting';
import { PlanStore } from '../catalog/plan.store.js';
import { TenantUsages, type TenantUsage } from '../metering/tenant-usage.js';
import { zoneOf } from '../metering/time-zone.js';
import { WallClock } from '../platform/wall-clock.js';
import { TermsStore, type TenantTerms } from './terms.store.js';

export interface RatedTenant {
  tenant: TenantTerms;
  month: Month;
  /** The tenant's present, in its own time. */
  nowNs: bigint;
  usage: TenantUsage;
  terms: RatingTerms;
  totals: UsageTotals;
  rated: RatedPeriod;
  bill: RunningBill;
}

@Injectable()
export class RateTenant {
  constructor(
    private readonly termsStore: TermsStore,
    private readonly usages: TenantUsages,
    private readonly plans: PlanStore,
    private readonly clock: WallClock,
  ) {}

  /**
   * Rates one period: the one that holds `atNs` in the tenant's own time, or the present one. For an invoice, lines keep
   * the records they came from, and only usage between cuts counts.
   */
  async rate(tenantId: string, options: { atNs?: bigint; forInvoice?: boolean } = {}): Promise<RatedTenant> {
    const tenant = await this.termsStore.of(tenantId);
    const usage = await this.usages.of(tenantId);
    const nowNs = usage.clock.now(this.clock.nowNs());
    const month = monthContaining(options.atNs ?? nowNs, zoneOf(tenant.timeZone));
    const assignments = await this.plans.assignmentsOf(tenantId);
    const planVersions = [
      ...(await this.plans.versionsById(assignments.map((a) => a.planVersionId))).values(),
    ];
    const terms: RatingTerms = {
      period: month.period,
      currency: tenant.currency,
      planVersions,
      assignments,
      fees: [],
    };
    const { forInvoice = false } = options;
    const records = forInvoice ? usage.records.filter((record) => !record.provisional) : usage.records;
    const totals = must(totalUsage({ ...terms, records, keepSources: forInvoice }));
    const rated = must(rateTotals(terms, totals));
    const bill = must(runningBill(rated, taxGroupsOf(tenant)));
    return { tenant, month, nowNs, usage, terms, totals, rated, bill };
  }
}

/** Every price of a plan is in this group for now: one rate per tenant. */
export function taxGroupsOf(tenant: TenantTerms): TaxGroup[] {
  return [
    {
      taxGroupId: 'standard',
      name: `Tax ${tenant.taxPermille / 10} %`,
      ratePpm: BigInt(tenant.taxPermille) * 1_000n,
    },
  ];
}

/** The rater refuses only what the stores' constraints exclude; a refusal here is a bug. */
export function must<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
  return result.value;
}
