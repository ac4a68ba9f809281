import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type ContractOperation, readContract } from '../support/contract.js';
import { FakeHost, growingVectors, readingsOfLife } from '../support/fake-host.js';
import { type Customer, type Product, startProduct } from '../support/product.js';
import { seededRandom } from '../support/seed.js';
import { until } from '../support/until.js';

const contract = readContract();

let product: Product;
let stranger: Customer;
/** A session of somebody who owns a tenant. */
let owner: Record<string, string>;
/** One of everything the tenant of the demo can hold, by the path it is reached under. */
const owned: Record<string, string> = {};
beforeAll(async () => {
  product = await startProduct({ roles: ['http', 'jobs'] });
  stranger = await product.addTenant({ name: 'Stranger' });
  owner = (await product.api.signIn({ tenantId: stranger.id })).headers;
  await own();
});
afterAll(() => product?.close());

/** Fills `owned`: a domain with its volume and operation, a key, a budget, an invoice with its lines. */
async function own(): Promise<void> {
  const { tenant } = product;
  const host = await FakeHost.start(product, 'hst_fake');
  const made = await tenant.requestDomain({ name: 'mine', plan_id: 'pln_metered' });
  const domainId: string = made.body.domain.id;
  const budget = await tenant.call('POST', '/v1/budgets', {
    name: 'mine',
    amount: { amount: '10', currency: 'EUR' },
    policy: 'alert',
  });
  const now = Date.now();
  const life = readingsOfLife({
    incarnation: host.newLife(),
    domainId,
    tenantId: tenant.id,
    fromUtcNs: BigInt(now) * 1_000_000n,
    values: growingVectors(1, seededRandom(1)),
    kinds: ['close'],
  });
  expect((await host.post(host.seal(life))).status).toBe(200);
  const { period } = await tenant.get('/v1/billing/current-period');
  const clock = await product.operate('POST', `/v1/operator/tenants/${tenant.id}/test-clock`, {
    advance_to: new Date(Date.parse(period.end) + 5_000).toISOString(),
  });
  expect(clock.status).toBe(200);
  const run = { tenant_id: tenant.id, force: true };
  await product.operate('POST', '/v1/operator/invoice-runs', run, { 'idempotency-key': randomUUID() });
  const [invoice] = await until('an invoice', async () => {
    const { data } = await tenant.get('/v1/invoices');
    return data.length > 0 && data;
  });
  const { lines } = await tenant.get(`/v1/invoices/${invoice.id}`);
  const member = await product.api.signIn({ tenantId: tenant.id });
  const key = await product.api.send('POST', '/v1/api-keys', {
    headers: member.headers,
    body: { name: 'mine', scopes: ['read'] },
  });
  Object.assign(owned, {
    '/v1/domains/{id}': domainId,
    '/v1/volumes/{id}': made.body.domain.config.volumes[0].id,
    '/v1/operations/{id}': made.body.operation.id,
    '/v1/budgets/{id}': budget.body.id,
    '/v1/invoices/{id}': invoice.id,
    '/v1/invoice-lines/{id}': lines[0].id,
    '/v1/api-keys/{id}': key.body.api_key?.id ?? key.body.id,
  });
}

/** The id that fits a route. A route of a new kind of resource fails here until this test owns one. */
function ownedFor(operation: ContractOperation): string {
  const found = Object.entries(owned).find(([start]) => operation.path.startsWith(start));
  if (!found) throw new Error(`${operation.path}: teach this test to own such a resource`);
  expect(found[1]).toEqual(expect.any(String));
  return found[1];
}

/** A body that passes the schema, so that what is refused is refused for the id. */
const bodies: Record<string, unknown> = {
  changeBudget: { name: 'taken over' },
  actOnDomain: { type: 'stop' },
};

function request(as: Customer, operation: ContractOperation, id: string) {
  if (operation.hasBody && !bodies[operation.operationId])
    throw new Error(`${operation.operationId}: give this test a sound body for it`);
  const more: Record<string, string> = operation.ifMatch ? { 'if-match': '*' } : {};
  return as.call(operation.method, operation.path.replace('{id}', id), bodies[operation.operationId], more);
}

const withId = contract.filter((each) => each.hasId && !each.isOperator);

describe("a tenant's ids do not exist for another tenant", () => {
  test.each(withId.map((each) => [each.method, each.path, each] as const))(
    '%s %s answers 404, in the words of an id that nobody has',
    async (_method, _path, operation) => {
      const id = ownedFor(operation);
      const answer = await request(stranger, operation, id);
      expect([answer.status, answer.body.code]).toEqual([404, 'not_found']);
      const prefix = id.split('_')[0];
      const nobodys = `${prefix}_00000000000000000000000000`;
      const unknown = await request(stranger, operation, nobodys);
      const anonymous = (body: any, name: string) =>
        JSON.stringify({ ...body, request_id: '' }).replaceAll(name, '<id>');
      expect(anonymous(answer.body, id)).toBe(anonymous(unknown.body, nobodys));
    },
  );

  test('every one of these is there for its owner', async () => {
    for (const operation of withId.filter((each) => each.method === 'GET'))
      expect([
        operation.path,
        (await request(product.tenant, operation, ownedFor(operation))).status,
      ]).toEqual([operation.path, 200]);
    expect(withId.length).toBeGreaterThanOrEqual(15);
  });

  test('no list of the other tenant has one of them, not even when it asks for it', async () => {
    const secrets = [...Object.values(owned), product.tenant.id];
    const lists = contract.filter((each) => each.method === 'GET' && !each.hasId && !each.isOperator);
    expect(lists.length).toBeGreaterThanOrEqual(12);
    for (const { path, query } of lists) {
      const asked = ['', ...(query.includes('subject') ? secrets.map((id) => `?subject=${id}`) : [])];
      for (const suffix of asked) {
        const answer = await stranger.call('GET', `${path}${suffix}`);
        expect([path, answer.status]).toEqual([path, 200]);
        const text = JSON.stringify(answer.body);
        expect([path, secrets.filter((id) => text.includes(id))]).toEqual([path, []]);
      }
    }
  });

  test('naming the other tenant in X-Tenant gives no way in', async () => {
    const answer = await product.api.send('GET', '/v1/domains', {
      headers: { ...owner, 'x-tenant': product.tenant.id },
    });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(JSON.stringify(answer.body)).not.toContain(owned['/v1/domains/{id}']);
    const byKey = await stranger.call('GET', '/v1/domains', undefined, { 'x-tenant': product.tenant.id });
    expect(JSON.stringify(byKey.body)).not.toContain(owned['/v1/domains/{id}']);
  });
});

describe("what is the operator's", () => {
  test.each(
    contract.filter((each) => each.isOperator).map((each) => [each.method, each.path, each] as const),
  )(
    "%s %s is forbidden to a tenant's key and to its owner, and asks others who they are",
    async (_method, _path, { method, path }) => {
      const url = path.replace('{id}', product.tenant.id);
      const body = method === 'GET' ? undefined : {};
      expect(await stranger.call(method, url, body)).toMatchObject({
        status: 403,
        body: { code: 'forbidden' },
      });
      const signedIn = await product.api.send(method, url, { body, headers: owner });
      expect(signedIn).toMatchObject({ status: 403, body: { code: 'forbidden' } });
      const anonymous = await product.api.send(method, url, { body });
      expect(anonymous).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
    },
  );
});
