import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { Logger } from 'nestjs-pino';
import { AppModule, productModules } from './app.module.js';
import { Config } from './platform/config.js';
import { fastifyAdapter, measureRequests } from './platform/http/fastify.js';
import { serveDocument } from './platform/http/openapi-document.js';
import { Metrics } from './platform/metrics.js';

/** The application, wired and not yet listening. `main.ts` listens on the configured port, tests on any. */
export async function createApp(
  config: Config,
  products: readonly Type[] = productModules,
): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.with(config, products),
    fastifyAdapter(),
    {
      bufferLogs: true,
      abortOnError: false,
      bodyParser: false,
    },
  );
  app.useLogger(app.get(Logger));
  prepare(app);
  measureRequests(app.getHttpAdapter().getInstance() as unknown as FastifyInstance, app.get(Metrics));
  serveDocument(app);
  return app;
}

/** The routes alone: nothing is constructed and nothing is reached. Enough to describe the API. */
export async function createRoutes(config: Config): Promise<NestFastifyApplication> {
  const options = { preview: true, logger: false, abortOnError: false, bodyParser: false } as const;
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.with(config),
    fastifyAdapter(),
    options,
  );
  prepare(app);
  return app;
}

function prepare(app: NestFastifyApplication): void {
  app.setGlobalPrefix('v1', { exclude: ['healthz', 'readyz', 'metrics'] });
}
