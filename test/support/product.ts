/** The whole product for one test file: seeded demo, API, jobs and live hosts in this process. */
import { randomUUID } from 'node:crypto';
import { createApp } from '../../apps/api/src/app.js';
import { productModules } from '../../apps/api/src/app.module.js';
import { TermsStore } from '../../apps/api/src/billing/terms.store.js';
import { DemoModule } from '../../apps/api/src/demo/demo.module.js';
import { SeedDemo, type DemoSignIns } from '../../apps/api/src/demo/seed-demo.js';
import { QuotaStore, type QuotaAmounts } from '../../apps/api/src/limits/quota.store.js';
import { Config } from '../../apps/api/src/platform/config.js';
import { Database } from '../../apps/api/src/platform/database.js';
import { UnitOfWork } from '../../apps/api/src/platform/unit-of-work.js';
import { type Answer, startApi, type TestApi } from './api.js';
import { until } from './until.js';

export interface Product {
  api: TestApi;
  demo: DemoSignIns;
  /** The tenant of the demo. */
  tenant: Customer;
  /** Headers of the operator's session. */
  operator: Record<string, string>;
  /** Plain SQL on the product's database; numbers that may pass 2^53 come as text. */
  sql<T extends Record<string, any> = Record<string, any>>(text: string, values?: unknown[]): Promise<T[]>;
  /** Sends as the operator. */
  operate(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Another tenant, with quotas, terms and a key. */
  addTenant(options?: { name?: string; quotas?: Partial<QuotaAmounts> }): Promise<Customer>;
  close(): Promise<void>;
}

const quotasOfTests: QuotaAmounts = { domains: 10n, vcpus: 20n, memory_mib: 2_048n, disk_mib: 10_240n };

/** @param roles Without `hosts` no XenoServer runs and domains stay in their first step. */
export async function startProduct({
  roles = ['http', 'jobs', 'hosts'],
}: { roles?: ('http' | 'jobs' | 'hosts')[] } = {}): Promise<Product> {
  let demo: DemoSignIns | undefined;
  const api = await startApi({
    config: { roles: new Set(roles) },
    prepare: async (config) => {
      demo = await seed(config);
    },
  });
  const { operator, tenant } = demo!;
  const headers = { authorization: `Bearer ${tenant.api_key}` };
  const me = await api.send('GET', '/v1/me', { headers });
  const product: Product = {
    api,
    demo: demo!,
    tenant: new Customer(api, me.body.tenant.id, headers),
    operator: await signInAs(api, operator),
    sql: async (text, values) => (await api.get(Database).pool.query(text, values)).rows,
    operate: (method, path, body, more = {}) =>
      api.send(method, path, { body, headers: { ...product.operator, ...more } }),
    addTenant: (options) => addTenant(api, options),
    close: () => api.close(),
  };
  if (roles.includes('hosts')) {
    await until('all hosts up', async () => {
      const { body } = await product.operate('GET', '/v1/operator/hosts');
      return body.data.every((host: { state: string }) => host.state === 'up');
    });
  }
  return product;
}

/** Only the wiring is wanted here: nothing listens, no job and no host runs. */
async function seed(config: Config): Promise<DemoSignIns> {
  const app = await createApp(new Config({ ...config, roles: new Set(['http'] as const) }), [
    ...productModules,
    DemoModule,
  ]);
  try {
    await app.init();
    return await app.get(SeedDemo).run();
  } finally {
    await app.close();
  }
}

async function signInAs(
  api: TestApi,
  who: { email: string; password: string },
): Promise<Record<string, string>> {
  const session = await api.send('POST', '/v1/sessions', { body: who });
  const cookie = session.headers.getSetCookie().map((each) => each.split(';')[0]).join('; '); // prettier-ignore
  return { cookie, 'x-csrf-token': session.body.csrf_token };
}

async function addTenant(
  api: TestApi,
  { name = 'Bert Hosting', quotas = {} }: { name?: string; quotas?: Partial<QuotaAmounts> } = {},
): Promise<Customer> {
  const { id } = await api.createTenant(name, 'test');
  await api.get(UnitOfWork).run(async (tx) => {
    await api.get(TermsStore).create(tx, {
      tenantId: id,
      creditLimitPico: 50n * 10n ** 12n,
      taxPermille: 190,
      issuerId: 'issuer_test',
    });
    await api.get(QuotaStore).create(tx, id, { ...quotasOfTests, ...quotas });
  });
  return new Customer(api, id, (await api.createKey(id)).headers);
}

export interface Created {
  id: string;
  volumeId: string;
  operationId: string;
  url: string;
}

/** A tenant as its own program sees it: with an API key, over HTTP. */
export class Customer {
  constructor(
    private readonly api: Pick<TestApi, 'send'>,
    readonly id: string,
    readonly headers: Record<string, string>,
  ) {}

  /** Sends with the tenant's key; `body` may be any JSON. */
  call<T = any>(method: string, path: string, body?: unknown, more: Record<string, string> = {}) {
    return this.api.send<T>(method, path, { body, headers: { ...this.headers, ...more } });
  }

  /** The body of a GET that succeeds. */
  async get<T = any>(path: string): Promise<T> {
    const answer = await this.call<T>('GET', path);
    if (answer.status !== 200)
      throw new Error(`GET ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  requestDomain(body: Record<string, unknown>, key: string = randomUUID()) {
    return this.call('POST', '/v1/domains', body, { 'idempotency-key': key });
  }

  /** Creates a domain and waits until it runs. */
  async createDomain(name: string, planId = 'pln_metered'): Promise<Created> {
    const made = await this.requestDomain({ name, plan_id: planId });
    if (made.status !== 201) throw new Error(`create: ${made.status} ${JSON.stringify(made.body)}`);
    const id: string = made.body.domain.id;
    const operation = await this.finished(made.body.operation.id);
    if (operation.status !== 'succeeded') throw new Error(`create: ${JSON.stringify(operation)}`);
    const { config } = await this.get(`/v1/domains/${id}`);
    return { id, volumeId: config.volumes[0].id, operationId: operation.id, url: config.ports[0].url };
  }

  /** The operation once it has ended, well or not. */
  finished(operationId: string): Promise<any> {
    return until(`operation ${operationId} ended`, async () => {
      const operation = await this.get(`/v1/operations/${operationId}?wait=20`);
      return ['succeeded', 'failed', 'cancelled'].includes(operation.status) && operation;
    });
  }

  /** Acts on a domain and waits for the end of the operation. */
  async act(domainId: string, type: string): Promise<any> {
    const answer =
      type === 'delete'
        ? await this.call('DELETE', `/v1/domains/${domainId}`)
        : await this.call('POST', `/v1/domains/${domainId}/actions`, { type });
    if (answer.status !== 202) throw new Error(`${type}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return this.finished(answer.body.operation.id);
  }

  /** Newest first. */
  async readings(resource: string): Promise<any[]> {
    return (await this.get(`/v1/${resource}/meter-readings?limit=200`)).data;
  }

  /** Every event of the tenant so far, oldest first. */
  async events(query = ''): Promise<any[]> {
    const { data } = await this.get(`/v1/events?limit=200${query}`);
    return [...data].sort((a, b) => Number(a.seq) - Number(b.seq));
  }
}
