import { Global, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AccessGuard } from './access.guard.js';
import { ApiKeyStore } from './api-key.store.js';
import { Identity } from './identity.js';
import { MembershipStore } from './membership.store.js';
import { SessionsController } from './sessions.controller.js';

@Global()
@Module({
  controllers: [SessionsController],
  providers: [Identity, ApiKeyStore, MembershipStore, { provide: APP_GUARD, useClass: AccessGuard }],
  exports: [Identity, ApiKeyStore, MembershipStore],
})
export class AuthModule {}
