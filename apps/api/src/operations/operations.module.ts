import { Global, Module } from '@nestjs/common';
import { AwaitOperation } from './await-operation.js';
import { OperationStore } from './operation.store.js';
import { OperationsController } from './operations.controller.js';
import { Operations } from './operations.js';

@Global()
@Module({
  controllers: [OperationsController],
  providers: [Operations, OperationStore, AwaitOperation],
  exports: [Operations],
})
export class OperationsModule {}
