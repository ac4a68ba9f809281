import { Module } from '@nestjs/common';
import { LedgerController } from './ledger.controller.js';
import { LedgerStore } from './ledger.store.js';
import { PostTransaction } from './post-transaction.js';

@Module({
  controllers: [LedgerController],
  providers: [LedgerStore, PostTransaction],
  exports: [LedgerStore, PostTransaction],
})
export class LedgerModule {}
