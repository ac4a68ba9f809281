import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { LoggerModule } from 'nestjs-pino';
import { Config } from './config.js';
import { Database } from './database.js';
import { EventFeed } from './event-feed.js';
import { LimitRequests } from './http/limit-requests.guard.js';
import { ProblemFilter } from './http/problem.filter.js';
import { requestLogging } from './http/request-logging.js';
import { ValidateRoute } from './http/validate-route.js';
import { Idempotency } from './idempotency.js';
import { Jobs } from './jobs.js';
import { LiveFeed } from './live-feed.js';
import { Metrics } from './metrics.js';
import { EventListeners, Outbox } from './outbox.js';
import { RateLimiter } from './rate-limit.js';
import { Readiness } from './readiness.js';
import { RedisLink } from './redis.js';
import { Relay } from './relay/relay.js';
import { UnitOfWork } from './unit-of-work.js';
import { WallClock } from './wall-clock.js';

const services = [
  Database,
  EventFeed,
  EventListeners,
  Idempotency,
  Jobs,
  LiveFeed,
  Metrics,
  Outbox,
  RateLimiter,
  Readiness,
  RedisLink,
  UnitOfWork,
  WallClock,
];

/** What every other module stands on; global, so that nobody has to name it. */
@Module({})
export class PlatformModule {
  static with(config: Config): DynamicModule {
    return {
      module: PlatformModule,
      global: true,
      imports: [LoggerModule.forRoot(requestLogging(config))],
      providers: [
        { provide: Config, useValue: config },
        ...services,
        Relay,
        { provide: APP_FILTER, useClass: ProblemFilter },
        { provide: APP_GUARD, useClass: LimitRequests },
        { provide: APP_INTERCEPTOR, useClass: ValidateRoute },
      ],
      exports: [Config, ...services],
    };
  }
}
