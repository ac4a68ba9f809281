import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startApi, type TestApi } from '../../../../test/support/api.js';
import { Database } from '../platform/database.js';

let api: TestApi;
let tenantId: string;

beforeAll(async () => {
  api = await startApi({ modules: [], config: { roles: new Set(['http'] as const) } });
  tenantId = (await api.createTenant()).id;
});
afterAll(() => api.close());

describe('sessions', () => {
  test('signing in answers the user, the memberships and an HttpOnly SameSite=Lax cookie', async () => {
    const { user, password } = await api.signIn({ tenantId });
    const answer = await api.send('POST', '/v1/sessions', { body: { email: user.email, password } });
    expect(answer.status).toBe(201);
    expect(answer.body.user).toEqual({
      id: user.id,
      email: user.email,
      name: user.name,
      operator_role: null,
    });
    expect(answer.body.memberships).toMatchObject([
      { role: 'owner', tenant: { id: tenantId, currency: 'EUR' } },
    ]);
    const cookie = answer.headers.getSetCookie().find((each) => each.startsWith('xenorack.session_token='));
    expect(cookie).toMatch(/HttpOnly/i);
    expect(cookie).toMatch(/SameSite=Lax/i);
  });

  test('an unknown e-mail and a wrong password get the same answer', async () => {
    const { user } = await api.signIn({ tenantId });
    const wrong = await api.send('POST', '/v1/sessions', {
      body: { email: user.email, password: 'not the password' },
    });
    const unknown = await api.send('POST', '/v1/sessions', {
      body: { email: 'nobody@example.com', password: 'not the password' },
    });
    expect([wrong.status, wrong.body.code]).toEqual([401, 'invalid_credentials']);
    expect([unknown.status, unknown.body.code]).toEqual([401, 'invalid_credentials']);
    expect(unknown.body.detail).toBe(wrong.body.detail);
  });

  test('there is no way to sign up', async () => {
    for (const path of ['/api/auth/sign-up/email', '/v1/sign-up', '/v1/users']) {
      expect(
        (await api.send('POST', path, { body: { email: 'a@example.com', password: 'long enough' } })).status,
      ).toBe(404);
    }
  });

  test('GET /v1/me names user, tenant and role, and signing out ends the session', async () => {
    const { user, headers } = await api.signIn({ tenantId, role: 'billing' });
    const me = await api.send('GET', '/v1/me', { headers });
    expect(me.body).toMatchObject({
      user: { id: user.id },
      tenant: { id: tenantId, time_zone: 'Europe/Berlin' },
      role: 'billing',
    });
    expect(me.body.csrf_token).toBe(headers['x-csrf-token']);
    const out = await api.send('DELETE', '/v1/sessions/current', { headers });
    expect(out.status).toBe(204);
    expect(out.headers.getSetCookie().join()).toMatch(/Max-Age=0/);
    expect((await api.send('GET', '/v1/me', { headers })).body.code).toBe('unauthenticated');
  });

  test('an unsafe request needs the CSRF token of its own session', async () => {
    const one = await api.signIn({ tenantId });
    const other = await api.signIn({ tenantId });
    const body = { name: 'deploy' };
    for (const token of ['', 'wrong', other.headers['x-csrf-token'] ?? '']) {
      const headers = { cookie: one.headers.cookie ?? '', 'x-csrf-token': token };
      const answer = await api.send('POST', '/v1/api-keys', { body, headers });
      expect([answer.status, answer.body.code]).toEqual([403, 'csrf_token_invalid']);
    }
    expect((await api.send('POST', '/v1/api-keys', { body, headers: one.headers })).status).toBe(201);
  });

  test('sign-ins of one person are limited, with Retry-After', async () => {
    const strict = await api.startAnother({ config: { signInLimitPerMinute: 3 } });
    const body = { email: `limited-${tenantId}@example.com`, password: 'x' };
    const statuses: number[] = [];
    // Twice the limit, so that the turn of a minute in between cannot hide it.
    for (let i = 0; i < 8; i++) {
      const answer = await strict.send('POST', '/v1/sessions', { body });
      statuses.push(answer.status);
      if (answer.status === 429) expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect(statuses).toContain(429);
  });
});

describe('tenants', () => {
  test('a user of several tenants names one in X-Tenant; one that is not theirs is not found', async () => {
    const second = await api.createTenant('Second');
    const stranger = await api.createTenant('Stranger');
    const { user, headers } = await api.signIn({ tenantId });
    await api
      .get(Database)
      .prisma.member.create({ data: { tenantId: second.id, userId: user.id, role: 'viewer' } });
    expect((await api.send('GET', '/v1/operations', { headers })).body.code).toBe('tenant_required');
    const me = await api.send('GET', '/v1/me', { headers: { ...headers, 'x-tenant': second.id } });
    expect([me.body.tenant.id, me.body.role]).toEqual([second.id, 'viewer']);
    const foreign = await api.send('GET', '/v1/operations', {
      headers: { ...headers, 'x-tenant': stranger.id },
    });
    expect([foreign.status, foreign.body.code]).toEqual([404, 'not_found']);
  });

  test('roles: a viewer and a billing member cannot make keys, an admin can', async () => {
    for (const [role, status] of [
      ['viewer', 403],
      ['billing', 403],
      ['member', 403],
      ['admin', 201],
    ] as const) {
      const { headers } = await api.signIn({ tenantId, role });
      expect([
        role,
        (await api.send('POST', '/v1/api-keys', { body: { name: 'k' }, headers })).status,
      ]).toEqual([role, status]);
    }
  });

  test("the operator's routes are closed to tenants, and tenant routes to staff without a tenant", async () => {
    const owner = await api.signIn({ tenantId });
    const key = await api.createKey(tenantId);
    const staff = await api.signIn({ operatorRole: 'support' });
    expect((await api.send('GET', '/v1/operator/tenants', { headers: owner.headers })).status).toBe(403);
    expect((await api.send('GET', '/v1/operator/tenants', { headers: key.headers })).status).toBe(403);
    expect((await api.send('GET', '/v1/operations', { headers: staff.headers })).status).toBe(403);
    const tenants = await api.send('GET', '/v1/operator/tenants', { headers: staff.headers });
    expect(tenants.body.data.map((each: { id: string }) => each.id)).toContain(tenantId);
    expect(
      (await api.send('GET', `/v1/operator/tenants/${tenantId}`, { headers: staff.headers })).body.id,
    ).toBe(tenantId);
  });
});

describe('API keys', () => {
  test('nothing but public routes answers without credentials', async () => {
    for (const path of [
      '/v1/me',
      '/v1/api-keys',
      '/v1/operations',
      '/v1/events',
      '/v1/audit-entries',
      '/v1/operator/tenants',
    ]) {
      const answer = await api.send('GET', path);
      expect([path, answer.status, answer.body.code]).toEqual([path, 401, 'unauthenticated']);
    }
    const malformed = await api.send('GET', '/v1/me', {
      headers: { authorization: `Bearer xr_${'a'.repeat(43)}` },
    });
    expect(malformed.status).toBe(401);
  });

  test('the secret is shown once, its digest is kept, and the key speaks for its tenant without a CSRF token', async () => {
    const { headers } = await api.signIn({ tenantId });
    const made = await api.send('POST', '/v1/api-keys', {
      body: { name: 'ci', scopes: ['read', 'write'] },
      headers,
    });
    expect(made.body.secret).toMatch(/^xr_[\w-]{43}$/);
    expect(made.headers.get('location')).toBe(`/v1/api-keys/${made.body.id}`);
    const listed = await api.send('GET', '/v1/api-keys', { headers });
    expect(JSON.stringify(listed.body)).not.toContain(made.body.secret);
    const rows = await api.get(Database).pool.query('SELECT row_to_json(api_key)::text AS row FROM api_key');
    expect(rows.rows.map(({ row }) => row).join()).not.toContain(made.body.secret);
    const byKey = { authorization: `Bearer ${made.body.secret}` };
    const me = await api.send('GET', '/v1/me', { headers: byKey });
    expect(me.body).toMatchObject({ user: null, tenant: { id: tenantId }, scopes: ['read', 'write'] });
    expect((await api.send('DELETE', `/v1/api-keys/${made.body.id}`, { headers: byKey })).status).toBe(204);
    expect((await api.send('GET', '/v1/me', { headers: byKey })).status).toBe(401);
  });

  test('a key with scope read cannot write, an expired key is none, and keys make no keys', async () => {
    const reader = await api.createKey(tenantId, ['read']);
    expect((await api.send('GET', '/v1/operations', { headers: reader.headers })).status).toBe(200);
    const write = await api.send('DELETE', `/v1/api-keys/${reader.id}`, { headers: reader.headers });
    expect([write.status, write.body.code]).toEqual([403, 'forbidden']);
    const writer = await api.createKey(tenantId);
    const made = await api.send('POST', '/v1/api-keys', { body: { name: 'child' }, headers: writer.headers });
    expect([made.status, made.body.code]).toEqual([403, 'forbidden']);
    const expired = await api.createKey(tenantId);
    await api
      .get(Database)
      .prisma.apiKey.update({ where: { id: expired.id }, data: { expiresAt: new Date(0) } });
    expect((await api.send('GET', '/v1/me', { headers: expired.headers })).status).toBe(401);
  });

  test("another tenant's key is not found and stays as it is", async () => {
    const other = await api.createTenant('Other');
    const theirs = await api.createKey(other.id);
    const { headers } = await api.signIn({ tenantId });
    const answer = await api.send('DELETE', `/v1/api-keys/${theirs.id}`, { headers });
    expect([answer.status, answer.body.code]).toEqual([404, 'not_found']);
    expect((await api.send('GET', '/v1/me', { headers: theirs.headers })).status).toBe(200);
  });

  test('a revocation counts in another process within about a second', async () => {
    const other = await api.startAnother();
    const key = await api.createKey(tenantId);
    const owner = await api.signIn({ tenantId });
    expect((await other.send('GET', '/v1/me', { headers: key.headers })).status).toBe(200);
    await api.send('DELETE', `/v1/api-keys/${key.id}`, { headers: owner.headers });
    const revokedAt = performance.now();
    let status = 200;
    while (status === 200 && performance.now() - revokedAt < 10_000) {
      status = (await other.send('GET', '/v1/me', { headers: key.headers })).status;
    }
    expect(status).toBe(401);
  });

  test('last use is noted, and making and revoking are in the audit trail', async () => {
    const { headers, user } = await api.signIn({ tenantId });
    const made = await api.send('POST', '/v1/api-keys', { body: { name: 'audited' }, headers });
    await api.send('GET', '/v1/me', { headers: { authorization: `Bearer ${made.body.secret}` } });
    let lastUse: Date | null = null;
    for (const until = performance.now() + 5_000; lastUse === null && performance.now() < until;) {
      lastUse = (await api.get(Database).prisma.apiKey.findUniqueOrThrow({ where: { id: made.body.id } }))
        .lastUsedAt;
    }
    expect(lastUse).not.toBeNull();
    await api.send('DELETE', `/v1/api-keys/${made.body.id}`, { headers });
    const trail = await api.send('GET', `/v1/audit-entries?subject=${made.body.id}`, { headers });
    expect(trail.body.data.map((each: { action: string }) => each.action)).toEqual([
      'api_key.revoke',
      'api_key.create',
    ]);
    expect(trail.body.data[1]).toMatchObject({
      actor: { kind: 'user', user_id: user.id },
      request_id: made.headers.get('x-request-id'),
    });
    expect(JSON.stringify(trail.body)).not.toContain(made.body.secret);
    await expect(api.get(Database).pool.query('DELETE FROM audit_entry')).rejects.toThrow('never changed');
  });
});
