import { Module } from '@nestjs/common';
import { BillingModule } from '../billing/billing.module.js';
import { LedgerModule } from '../ledger/ledger.module.js';
import { MeteringModule } from '../metering/metering.module.js';
import { ClosePeriod } from './close-period.job.js';
import { ClosingStore } from './closing.store.js';
import { CutStore } from './cut.store.js';
import { DeriveLine } from './derive-line.js';
import { InvoiceStore } from './invoice.store.js';
import { InvoicesController } from './invoices.controller.js';
import { IssuerStore } from './issuer.store.js';
import { IssueInvoice } from './issue-invoice.js';
import { OperatorInvoicesController } from './operator-invoices.controller.js';

@Module({
  imports: [LedgerModule, MeteringModule, BillingModule],
  controllers: [InvoicesController, OperatorInvoicesController],
  providers: [ClosePeriod, ClosingStore, CutStore, DeriveLine, InvoiceStore, IssueInvoice, IssuerStore],
  exports: [IssuerStore],
})
export class InvoicesModule {}
