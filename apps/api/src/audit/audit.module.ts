import { Global, Module } from '@nestjs/common';
import { AuditController } from './audit.controller.js';
import { AuditStore } from './audit.store.js';
import { Audit } from './audit.js';

@Global()
@Module({ controllers: [AuditController], providers: [Audit, AuditStore], exports: [Audit] })
export class AuditModule {}
