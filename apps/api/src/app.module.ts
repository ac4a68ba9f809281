import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { AuditModule } from './audit/audit.module.js';
import { AuthModule } from './auth/auth.module.js';
import { EventsModule } from './events/events.module.js';
import { HealthModule } from './health/health.module.js';
import { OperationsModule } from './operations/operations.module.js';
import type { Config } from './platform/config.js';
import { PlatformModule } from './platform/platform.module.js';
import { TenantsModule } from './tenants/tenants.module.js';

/** Hosting and money, one module per noun. */
export const productModules: Type[] = [];

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
