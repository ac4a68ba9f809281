import { Module } from '@nestjs/common';
import { BillingModule } from '../billing/billing.module.js';
import { CatalogModule } from '../catalog/catalog.module.js';
import { HostsModule } from '../hosts/hosts.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { MeteringModule } from '../metering/metering.module.js';
import { TenantsModule } from '../tenants/tenants.module.js';
import { CreateDomain } from './create-domain.js';
import { DomainsController } from './domains.controller.js';
import { DomainStore } from './domain.store.js';
import { EstimatesController } from './estimates.controller.js';
import { MetricsController } from './metrics.controller.js';
import { OperatorAccountsController } from './operator-accounts.controller.js';
import { OnHostEvent } from './on-host-event.js';
import { RunDomainOperation } from './run-domain-operation.js';
import { ShowDomain } from './show-domain.js';
import { VolumesController } from './volumes.controller.js';

@Module({
  imports: [TenantsModule, HostsModule, CatalogModule, MeteringModule, BillingModule, LimitsModule],
  controllers: [
    DomainsController,
    VolumesController,
    MetricsController,
    EstimatesController,
    OperatorAccountsController,
  ],
  providers: [DomainStore, CreateDomain, ShowDomain, RunDomainOperation, OnHostEvent],
})
export class DomainsModule {}
