import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { BillingModule } from '../billing/billing.module.js';
import { CatalogModule } from '../catalog/catalog.module.js';
import { HostsModule } from '../hosts/hosts.module.js';
import { InvoicesModule } from '../invoices/invoices.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { TenantsModule } from '../tenants/tenants.module.js';
import { SeedDemo } from './seed-demo.js';

@Module({
  imports: [
    AuthModule,
    TenantsModule,
    CatalogModule,
    HostsModule,
    BillingModule,
    LimitsModule,
    InvoicesModule,
  ],
  providers: [SeedDemo],
})
export class DemoModule {}
