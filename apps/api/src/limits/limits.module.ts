import { Module } from '@nestjs/common';
import { BillingModule } from '../billing/billing.module.js';
import { HostsModule } from '../hosts/hosts.module.js';
import { BudgetStore } from './budget.store.js';
import { BudgetsController } from './budgets.controller.js';
import { EvaluateBudgets } from './evaluate-budgets.job.js';
import { GrantLeases } from './grant-leases.js';
import { LeasedResourcesStore } from './leased-resources.store.js';
import { LeaseStore } from './lease.store.js';
import { LimitsController } from './limits.controller.js';
import { QuotaStore } from './quota.store.js';
import { ShowBudget } from './show-budget.js';
import { SpendingCap } from './spending-cap.js';
import { WatchLeases } from './watch-leases.js';

@Module({
  imports: [HostsModule, BillingModule],
  controllers: [LimitsController, BudgetsController],
  providers: [
    BudgetStore,
    EvaluateBudgets,
    GrantLeases,
    LeasedResourcesStore,
    LeaseStore,
    QuotaStore,
    ShowBudget,
    SpendingCap,
    WatchLeases,
  ],
  exports: [GrantLeases, LeasedResourcesStore, QuotaStore, SpendingCap],
})
export class LimitsModule {}
