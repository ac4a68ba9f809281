import { Global, Module } from '@nestjs/common';
import { ApiKeysController } from './api-keys.controller.js';
import { ApiKeysStore } from './api-keys.store.js';
import { ApiKeys } from './api-keys.js';
import { OperatorTenantsController } from './operator-tenants.controller.js';
import { TenantStore } from './tenant.store.js';
import { Tenants } from './tenants.js';

@Global()
@Module({
  controllers: [ApiKeysController, OperatorTenantsController],
  providers: [ApiKeys, ApiKeysStore, Tenants, TenantStore],
  exports: [ApiKeys, Tenants],
})
export class TenantsModule {}
