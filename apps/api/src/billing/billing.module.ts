import { Module } from '@nestjs/common';
import { CatalogModule } from '../catalog/catalog.module.js';
import { MeteringModule } from '../metering/metering.module.js';
import { BillController } from './bill.controller.js';
import { LiveBill } from './live-bill.js';
import { RateTenant } from './rate-tenant.js';
import { ResourceNamesStore } from './resource-names.store.js';
import { TermsStore } from './terms.store.js';

@Module({
  imports: [CatalogModule, MeteringModule],
  controllers: [BillController],
  providers: [LiveBill, RateTenant, ResourceNamesStore, TermsStore],
  exports: [LiveBill, RateTenant, ResourceNamesStore, TermsStore],
})
export class BillingModule {}
