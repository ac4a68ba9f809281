import 'reflect-metadata';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp } from '../../apps/api/src/app.js';
import { Identity, type User } from '../../apps/api/src/auth/identity.js';
import type { OperatorRole, Scope, TenantRole } from '../../apps/api/src/platform/actor.js';
import { Config } from '../../apps/api/src/platform/config.js';
import { UnitOfWork } from '../../apps/api/src/platform/unit-of-work.js';
import { ApiKeys } from '../../apps/api/src/tenants/api-keys.js';
import { type Tenant, Tenants } from '../../apps/api/src/tenants/tenants.js';
import { createTestDatabase, createTestRedisUrl } from './database.js';

export interface Answer<T = any> {
  status: number;
  headers: Headers;
  body: T;
}

export interface Signed {
  user: User;
  password: string;
  /** Headers of a session: cookie and CSRF token. */
  headers: Record<string, string>;
}

/** The API in this process, listening on a free port, on a database and a Redis of its own. */
export interface TestApi {
  app: NestFastifyApplication;
  url: string;
  config: Config;
  get<T>(token: abstract new (...args: any[]) => T): T;
  /** Sends JSON and reads JSON; `path` begins with /v1. */
  send<T = any>(
    method: string,
    path: string,
    options?: { body?: unknown; headers?: Record<string, string> },
  ): Promise<Answer<T>>;
  createTenant(name?: string, mode?: 'live' | 'test'): Promise<Tenant>;
  createKey(tenantId: string, scopes?: Scope[]): Promise<{ id: string; headers: Record<string, string> }>;
  /** Makes a user, of a tenant or of the operator's staff, and signs in over HTTP. */
  signIn(as: { tenantId?: string; role?: TenantRole; operatorRole?: OperatorRole }): Promise<Signed>;
  /** A second process on the same servers. */
  startAnother(options?: Partial<StartOptions>): Promise<TestApi>;
  close(): Promise<void>;
}

export interface StartOptions {
  /** In place of the product's modules: for tests of the platform. */
  modules?: readonly Type[];
  config?: Partial<Config>;
  /** Fills the migrated database before the process starts. */
  prepare?: (config: Config) => Promise<void>;
}

let people = 0;

export async function startApi(options: StartOptions = {}): Promise<TestApi> {
  const database = await createTestDatabase();
  const dataDir = fs.mkdtempSync(path.join(process.env.TEST_RUN_FOLDER ?? os.tmpdir(), 'api-'));
  const config = new Config({
    databaseUrl: database.url,
    redisUrl: await createTestRedisUrl(),
    apiPort: 0,
    apiHost: '127.0.0.1',
    dataDir,
    roles: new Set(['http', 'jobs'] as const),
    dashboardUrl: 'http://localhost:3000',
    secret: 'a secret of the tests, long enough to be one',
    // Channels are not divided by Redis database, so the name of the PostgreSQL database divides them.
    redisPrefix: new URL(database.url).pathname.slice(1).replaceAll('_', '-'),
    rateLimitPerMinute: 1_000_000,
    signInLimitPerMinute: 1_000_000,
    logLevel: (process.env.TEST_LOG_LEVEL as Config['logLevel'] | undefined) ?? 'silent',
    ...options.config,
  });
  await options.prepare?.(config);
  return start(config, options.modules, async () => {
    await database.drop();
    fs.rmSync(dataDir, { recursive: true, force: true });
  });
}

async function start(
  config: Config,
  modules: readonly Type[] | undefined,
  cleanUp: () => Promise<void>,
): Promise<TestApi> {
  const app = await createApp(config, modules);
  await app.listen(config.apiPort, config.apiHost);
  const url = await app.getUrl();
  const others: TestApi[] = [];
  const api: TestApi = {
    app,
    url,
    config,
    get: (token) => app.get(token as Type, { strict: false }),
    send: (method, requestPath, sent) => send(url, method, requestPath, sent),
    createTenant: (name = 'Ada', mode = 'live') =>
      api
        .get(UnitOfWork)
        .run((tx) =>
          api.get(Tenants).createTenant(tx, { name, currency: 'EUR', timeZone: 'Europe/Berlin', mode }),
        ),
    createKey: async (tenantId, scopes = ['read', 'write']) => {
      const made = await api
        .get(UnitOfWork)
        .run((tx) => api.get(ApiKeys).issue(tx, tenantId, { name: 'test', scopes }, null));
      return { id: made.row.id, headers: { authorization: `Bearer ${made.secret}` } };
    },
    signIn: (as) => signIn(api, as),
    startAnother: async (more = {}) => {
      const other = await start(
        new Config({ ...config, ...more.config }),
        more.modules ?? modules,
        async () => {},
      );
      others.push(other);
      return other;
    },
    close: async () => {
      for (const other of [...others]) await other.close();
      await app.close();
      await cleanUp();
    },
  };
  return api;
}

export async function send(
  url: string,
  method: string,
  requestPath: string,
  { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
  const response = await fetch(`${url}${requestPath}`, {
    method,
    headers: { ...type, ...headers },
    body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
}

async function signIn(
  api: TestApi,
  {
    tenantId,
    role = 'owner',
    operatorRole,
  }: { tenantId?: string; role?: TenantRole; operatorRole?: OperatorRole },
): Promise<Signed> {
  const email = `person-${++people}@example.com`;
  const password = 'correct horse battery staple';
  const user = await api
    .get(Identity)
    .createUser({ email, password, name: `Person ${people}`, operatorRole });
  if (tenantId !== undefined) {
    await api.get(UnitOfWork).run((tx) => api.get(Tenants).addMember(tx, tenantId, user.id, role));
  }
  const session = await api.send('POST', '/v1/sessions', { body: { email, password } });
  if (session.status !== 201)
    throw new Error(`sign-in answered ${session.status}: ${JSON.stringify(session.body)}`);
  const cookie = session.headers.getSetCookie().map((each) => each.split(';')[0]).join('; '); // prettier-ignore
  return { user, password, headers: { cookie, 'x-csrf-token': session.body.csrf_token } };
}
