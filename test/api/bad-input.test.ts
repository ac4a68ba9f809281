import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Answer } from '../support/api.js';
import { type ContractOperation, readContract } from '../support/contract.js';
import { FakeHost, readingsOfLife } from '../support/fake-host.js';
import { type Product, startProduct } from '../support/product.js';

const contract = readContract();
const nobodys = '00000000000000000000000000';

let product: Product;
let ownerSession: Record<string, string>;
let counts: Record<string, number>;
/** A body for each operation that takes one; it would be accepted, so one fault in it is the only one. */
const sound: Record<string, any> = {
  createSession: { email: 'tenant@example.com', password: 'not the right one' },
  createApiKey: { name: 'sound', scopes: ['read'] },
  changeHost: { cordoned: false },
  changeTenantLimits: { limits: { domains: '10' } },
  createBudget: { name: 'sound', amount: { amount: '5', currency: 'EUR' }, policy: 'alert' },
  changeBudget: { name: 'sound' },
  advanceTestClock: { advance_to: '2199-01-01T00:00:00Z' },
  createDomain: { name: 'sound', plan_id: 'pln_slice1' },
  estimateDomain: { name: 'sound', plan_id: 'pln_slice1' },
  actOnDomain: { type: 'stop' },
};
/** An id that exists, by the start of the path. */
const ids: Record<string, string> = {};

beforeAll(async () => {
  // No jobs run: what is counted stands still but for what these requests do.
  product = await startProduct({ roles: ['http'] });
  const { tenant } = product;
  ownerSession = (await product.api.signIn({ tenantId: tenant.id })).headers;
  const host = await FakeHost.start(product, 'hst_fake');
  const made = await tenant.requestDomain({ name: 'there', plan_id: 'pln_slice1' });
  const budget = await tenant.call('POST', '/v1/budgets', sound['createBudget']);
  Object.assign(ids, {
    '/v1/domains/': made.body.domain.id,
    '/v1/volumes/': made.body.domain.config.volumes[0].id,
    '/v1/operations/': made.body.operation.id,
    '/v1/budgets/': budget.body.id,
    '/v1/operator/tenants/': tenant.id,
    '/v1/operator/hosts/': host.id,
    '/v1/operator/operations/': made.body.operation.id,
    // Nobody has these here; their routes answer 404 to anything.
    '/v1/api-keys/': `key_${nobodys}`,
    '/v1/invoices/': `inv_${nobodys}`,
    '/v1/invoice-lines/': `inl_${nobodys}`,
  });
  sound['runInvoice'] = { tenant_id: tenant.id };
  const plan = {
    incarnation: host.newLife(),
    domainId: made.body.domain.id,
    tenantId: tenant.id,
    fromUtcNs: BigInt(Date.now()) * 1_000_000n,
    values: [],
  };
  // Signed for another batch number, so that even whole it is refused.
  sound['postReadingBatch'] = { ...host.seal(readingsOfLife(plan)), batch: 99 };
  counts = await rowCounts();
});
afterAll(() => product?.close());

/** Rows of every table; partitions count with their parent. */
async function rowCounts(): Promise<Record<string, number>> {
  const tables = await product.sql(
    `SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1`,
  );
  const union = tables.map(({ name }) => `SELECT '${name}' AS name, count(*)::int AS rows FROM "${name}"`);
  const rows = await product.sql(union.join(' UNION ALL '));
  return Object.fromEntries(rows.map((row) => [row['name'], row['rows']]));
}

interface Sent {
  body?: unknown;
  headers?: Record<string, string>;
  id?: string;
  query?: string;
  anonymous?: boolean;
}

/** Sends a request that is sound but for what `sent` says. */
function ask(operation: ContractOperation, sent: Sent = {}): Promise<Answer> {
  const id = sent.id ?? Object.entries(ids).find(([start]) => operation.path.startsWith(start))?.[1] ?? '';
  if (operation.hasId && id === '') throw new Error(`${operation.path}: teach this test an id for it`);
  const body = 'body' in sent ? sent.body : sound[operation.operationId];
  if (operation.hasBody && body === undefined && !('body' in sent))
    throw new Error(`${operation.operationId}: teach this test a sound body for it`);
  const identity = sent.anonymous
    ? {}
    : operation.isOperator
      ? product.operator
      : operation.path.startsWith('/v1/api-keys') || operation.path === '/v1/sessions/current'
        ? ownerSession
        : product.tenant.headers;
  const headers: Record<string, string> = {
    ...identity,
    ...(operation.idempotencyKey ? { 'idempotency-key': randomUUID() } : {}),
    ...(operation.ifMatch ? { 'if-match': '*' } : {}),
    ...sent.headers,
  };
  for (const [name, value] of Object.entries(headers)) if (value === '') delete headers[name];
  return product.api.send(operation.method, operation.path.replace('{id}', id) + (sent.query ?? ''), {
    body,
    headers,
  });
}

/** The answer is the refusal that was expected, in the one form, and documented for this very operation. */
function expectRefusal(
  operation: ContractOperation,
  what: string,
  answer: Answer,
  status: number,
  code: string,
) {
  const { operationId, codes } = operation;
  expect([operationId, what, answer.status, answer.body?.code]).toEqual([operationId, what, status, code]);
  expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  expect(answer.body).toMatchObject({
    type: expect.stringMatching(/^https:/),
    title: expect.any(String),
    status,
    request_id: answer.headers.get('x-request-id'),
    retryable: expect.any(Boolean),
  });
  expect([operationId, what, codes.get(status)]).toEqual([operationId, what, expect.arrayContaining([code])]);
}

async function expectNothingChanged() {
  const before = counts;
  // What did change is told once, not again by every test that follows.
  counts = await rowCounts();
  expect(counts).toEqual(before);
}

const takesNull = (schema: any) => schema?.anyOf?.some((each: any) => each.type === 'null') === true;

const named = (list: ContractOperation[]) =>
  list.map((each) => [each.operationId, `${each.method} ${each.path}`, each] as const);
const withBody = contract.filter((each) => each.hasBody);

test('the committed contract has every route that is served', async () => {
  const { paths } = (await product.api.send('GET', '/v1/openapi.json')).body;
  const served = Object.keys(paths).flatMap((at) =>
    Object.keys(paths[at]).map((m) => `${m.toUpperCase()} ${at}`),
  );
  expect(contract.map((each) => `${each.method} ${each.path}`).sort()).toEqual(served.sort());
});

describe('a body', () => {
  test.each(named(withBody))(
    '%s (%s) refuses what is no JSON, no object, too large or of another type',
    async (_id, _at, operation) => {
      for (const text of ['{"name": "x"', 'null x', '\u0000', '{"a":1,}'])
        expectRefusal(operation, text, await ask(operation, { body: text }), 400, 'malformed_json');
      expectRefusal(
        operation,
        'prototype',
        await ask(operation, { body: '{"__proto__": {"admin": true}}' }),
        400,
        'malformed_json',
      );
      for (const value of ['[]', '"text"', '7', 'null', 'true'])
        expectRefusal(operation, value, await ask(operation, { body: value }), 422, 'invalid_request');
      expectRefusal(operation, 'nothing', await ask(operation, { body: undefined }), 422, 'invalid_request');
      const form = { 'content-type': 'application/x-www-form-urlencoded' };
      expectRefusal(
        operation,
        'form',
        await ask(operation, { body: 'a=b', headers: form }),
        415,
        'unsupported_media_type',
      );
      const large = JSON.stringify({ ...sound[operation.operationId], filler: 'x'.repeat(1_100_000) });
      expectRefusal(operation, 'large', await ask(operation, { body: large }), 413, 'payload_too_large');
      await expectNothingChanged();
    },
  );

  test.each(named(withBody))(
    '%s (%s) names each field that is missing, of a wrong type or unknown',
    async (_id, _at, operation) => {
      const body = sound[operation.operationId];
      const unknown = await ask(operation, { body: { ...body, surprise: 1 } });
      expectRefusal(operation, 'unknown field', unknown, 422, 'invalid_request');
      expect(unknown.body.errors).toContainEqual(expect.objectContaining({ code: 'unrecognized_keys' }));
      for (const field of operation.body.required ?? []) {
        const { [field]: _, ...rest } = body;
        const answer = await ask(operation, { body: rest });
        expectRefusal(operation, `without ${field}`, answer, 422, 'invalid_request');
        expect(answer.body.errors[0].pointer).toMatch(new RegExp(`^/${field}`));
      }
      const fields = Object.keys(operation.body.properties ?? {});
      expect(fields.length).toBeGreaterThan(0);
      for (const field of fields) {
        const wrongs: unknown[] = [{ wrong: [[]] }, -1.5, 'x'.repeat(100_000)];
        if (!takesNull(operation.body.properties?.[field])) wrongs.push(null);
        // Neither text nor JSON of the database can hold these.
        if (typeof body[field] === 'string') wrongs.push('a\u0000b', 'a\ud800b');
        for (const wrong of wrongs) {
          const answer = await ask(operation, { body: { ...body, [field]: wrong } });
          expectRefusal(
            operation,
            `${field} = ${JSON.stringify(wrong).slice(0, 20)}`,
            answer,
            422,
            'invalid_request',
          );
          expect(answer.body.errors[0].pointer).toMatch(new RegExp(`^/${field}`));
          expect(answer.body.errors[0].detail.length).toBeLessThan(400);
        }
      }
      await expectNothingChanged();
    },
  );
});

describe('an id', () => {
  test.each(named(contract.filter((each) => each.hasId)))(
    "%s (%s) answers 404 to what is nobody's or no id at all",
    async (_id, _at, operation) => {
      const [, known] = Object.entries(ids).find(([start]) => operation.path.startsWith(start))!;
      for (const id of [
        `${known.split('_')[0]}_${nobodys}`,
        'x',
        `${known}x`,
        "1'%20OR%20'1'='1",
        '%00',
        '..%2F..%2Fetc',
        'a'.repeat(300),
      ]) {
        const host =
          operation.operationId === 'postReadingBatch'
            ? { body: { ...sound['postReadingBatch'], hostId: decodeURIComponent(id) } }
            : {};
        const answer = await ask(operation, { id, ...host });
        expectRefusal(operation, id.slice(0, 30), answer, 404, 'not_found');
      }
      await expectNothingChanged();
    },
  );
});

const wrongQueries: Record<string, string[]> = {
  limit: ['0', '201', '-1', '1.5', 'many', ''],
  wait: ['-1', 'x', '100000'],
  state: ['flying'],
  status: ['flying'],
  step: ['0', 'x', '86401'],
  names: ['cpu,nothing'],
  start: ['yesterday'],
  end: ['tomorrow'],
  cursor: ['x'.repeat(600)],
  types: ['x'.repeat(600), '\u0000'],
  subject: ['x'.repeat(600), '\u0000'],
  name: ['x'.repeat(600), '\u0000'],
  last_event_id: ['x'.repeat(600)],
};

describe('a query', () => {
  test.each(named(contract.filter((each) => each.query.length > 0)))(
    '%s (%s) refuses values that do not fit and cursors it did not give',
    async (_id, _at, operation) => {
      for (const name of operation.query) {
        if (!wrongQueries[name]) throw new Error(`${operation.operationId}: teach this test a wrong ${name}`);
        for (const value of wrongQueries[name]) {
          const answer = await ask(operation, { query: `?${name}=${encodeURIComponent(value)}` });
          expectRefusal(operation, `${name}=${value.slice(0, 20)}`, answer, 422, 'invalid_request');
          expect(answer.body.errors[0].pointer).toMatch(new RegExp(`^/query/${name}`));
        }
      }
      if (operation.query.includes('cursor'))
        for (const cursor of ['nonsense', 'WyJ4Il0.0000000000', 'WyIxIiwiMiJd.x'])
          expectRefusal(
            operation,
            cursor,
            await ask(operation, { query: `?cursor=${cursor}` }),
            400,
            'invalid_cursor',
          );
      await expectNothingChanged();
    },
  );
});

describe('headers', () => {
  test.each(named(contract.filter((each) => !each.isPublic)))(
    '%s (%s) is for nobody who does not say who he is',
    async (_id, _at, operation) => {
      expectRefusal(operation, 'no key', await ask(operation, { anonymous: true }), 401, 'unauthenticated');
      const wrong = { authorization: 'Bearer xr_wrong' };
      expectRefusal(
        operation,
        'wrong key',
        await ask(operation, { anonymous: true, headers: wrong }),
        401,
        'unauthenticated',
      );
      await expectNothingChanged();
    },
  );

  test.each(named(contract.filter((each) => each.idempotencyKey)))(
    '%s (%s) takes only Idempotency-Keys that can be kept, and asks for one where it must',
    async (_id, _at, operation) => {
      if (operation.idempotencyKey === 'required')
        expectRefusal(
          operation,
          'no key',
          await ask(operation, { headers: { 'idempotency-key': '' } }),
          400,
          'idempotency_key_required',
        );
      for (const key of ['x'.repeat(256), 'two words', 'caf\u00e9'])
        expectRefusal(
          operation,
          key.slice(0, 10),
          await ask(operation, { headers: { 'idempotency-key': key } }),
          400,
          'invalid_idempotency_key',
        );
      await expectNothingChanged();
    },
  );

  test.each(named(contract.filter((each) => each.ifMatch)))(
    '%s (%s) wants the ETag that was read',
    async (_id, _at, operation) => {
      expectRefusal(
        operation,
        'none',
        await ask(operation, { headers: { 'if-match': '' } }),
        428,
        'precondition_required',
      );
      for (const tag of ['"v999"', 'W/"v1"', 'v1', '"'])
        expectRefusal(
          operation,
          tag,
          await ask(operation, { headers: { 'if-match': tag } }),
          412,
          'precondition_failed',
        );
      await expectNothingChanged();
    },
  );

  test('a session that changes something must show its CSRF token', async () => {
    const { 'x-csrf-token': _, ...cookieOnly } = ownerSession;
    const answer = await product.api.send('POST', '/v1/api-keys', {
      headers: cookieOnly,
      body: sound['createApiKey'],
    });
    expect(answer).toMatchObject({ status: 403, body: { code: 'csrf_token_invalid' } });
    await expectNothingChanged();
  });
});

test('a key used again with another body is refused for every operation that takes one, and does nothing twice', async () => {
  const operation = contract.find((each) => each.operationId === 'createBudget')!;
  const headers = { 'idempotency-key': randomUUID() };
  const first = await ask(operation, { headers });
  expect(first.status).toBe(201);
  counts = await rowCounts();
  const again = await ask(operation, { headers });
  expect([again.status, again.headers.get('idempotency-replayed'), again.body]).toEqual([
    201,
    'true',
    first.body,
  ]);
  const other = { ...sound['createBudget'], name: 'another' };
  expectRefusal(
    operation,
    'reused',
    await ask(operation, { headers, body: other }),
    422,
    'idempotency_key_reused',
  );
  for (const each of contract.filter((one) => one.idempotencyKey && !one.isOperator && one !== operation))
    expectRefusal(each, 'reused', await ask(each, { headers }), 422, 'idempotency_key_reused');
  await expectNothingChanged();
});

test('a method or a path that is not there is a problem document too', async () => {
  const put = await product.tenant.call('PUT', '/v1/domains', {});
  expect([put.status, put.body.code, put.headers.get('allow')]).toEqual([
    405,
    'method_not_allowed',
    'GET, HEAD, POST',
  ]);
  const none = await product.tenant.call('GET', '/v1/nothing');
  expect([none.status, none.body.code]).toEqual([404, 'not_found']);
  const odd = await product.tenant.call('GET', '/v1/domains/%E0%A4%A');
  expect([odd.status, odd.body.code]).toEqual([400, 'bad_request']);
  await expectNothingChanged();
});
