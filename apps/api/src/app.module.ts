import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { AuditModule } from './audit/audit.module.js';
import { BillingModule } from './billing/billing.module.js';
import { CatalogModule } from './catalog/catalog.module.js';
import { DomainsModule } from './domains/domains.module.js';
import { HostsModule } from './hosts/hosts.module.js';
import { InvoicesModule } from './invoices/invoices.module.js';
import { LedgerModule } from './ledger/ledger.module.js';
import { LimitsModule } from './limits/limits.module.js';
import { MeteringModule } from './metering/metering.module.js';
import { AuthModule } from './auth/auth.module.js';
import { EventsModule } from './events/events.module.js';
import { HealthModule } from './health/health.module.js';
import { OperationsModule } from './operations/operations.module.js';
import type { Config } from './platform/config.js';
import { PlatformModule } from './platform/platform.module.js';
import { TenantsModule } from './tenants/tenants.module.js';

/** Hosting and money, one module per noun. */
export const productModules: Type[] = [
  CatalogModule,
  LedgerModule,
  HostsModule,
  MeteringModule,
  BillingModule,
  LimitsModule,
  InvoicesModule,
  DomainsModule,
];

/** The whole API. Which of its parts run in this process is decided by the roles of the configuration. */
@Module({})
export class AppModule {
  /** @param products What stands beside the platform; tests of the platform put their own there. */
  static with(config: Config, products: readonly Type[] = productModules): DynamicModule {
    return {
      module: AppModule,
      imports: [
        PlatformModule.with(config),
        AuthModule,
        AuditModule,
        OperationsModule,
        EventsModule,
        TenantsModule,
        HealthModule,
        ...products,
      ],
    };
  }
}
