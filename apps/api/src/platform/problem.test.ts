import http from 'node:http';
import { Body, Controller, Get, Module, Param, Patch, Post, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { startApi, type TestApi } from '../../../../test/support/api.js';
import { Public } from './actor.js';
import { etagOf, requireIfMatch } from './etag.js';
import { bodyBytesMax } from './http/fastify.js';
import { type PageQuery, pageQuery } from './page.js';
import { refuse } from './problem.js';
import { Route } from './route.js';

const body = z.strictObject({
  name: z.string().min(1).max(10),
  vcpus: z.number().int().min(1).max(4),
  password: z.string().min(8).optional(),
  inner: z.object({ 'a/b': z.number() }).optional(),
});

@Controller('probes')
@Public()
class ProbeController {
  @Post()
  @Route({ summary: 'p', operationId: 'postProbe', body, responses: { 201: body } })
  post(@Body() sent: z.infer<typeof body>) {
    return sent;
  }

  @Get()
  @Route({ summary: 'p', operationId: 'listProbes', query: pageQuery, responses: { 200: pageQuery } })
  list(@Query() query: PageQuery) {
    return query;
  }

  @Get(':id')
  @Route({ summary: 'p', operationId: 'getProbe', responses: { 200: z.object({}) } })
  get(@Param('id') id: string) {
    if (id === 'bug') throw new Error('a secret of the inside: password=hunter2');
    if (id === 'limit') {
      const limits = [
        {
          name: 'domains',
          unit: 'domain',
          limit: '10',
          used: '10',
          reserved: '0',
          requested: '1',
          short_by: '1',
        },
      ];
      throw refuse('limit_exceeded', 'At most 10 domains.', { limits });
    }
    throw refuse('not_found', `There is no probe ${id}.`);
  }

  @Patch(':id')
  @Route({ summary: 'p', operationId: 'changeProbe', responses: { 200: z.object({}) }, ifMatch: true })
  change(@Req() request: FastifyRequest) {
    requireIfMatch(request, etagOf(3));
    return {};
  }
}

@Module({ controllers: [ProbeController] })
class ProbeModule {}

let api: TestApi;
beforeAll(async () => {
  api = await startApi({ modules: [ProbeModule], config: { roles: new Set(['http'] as const) } });
});
afterAll(() => api.close());

describe('problem documents', () => {
  test('every error is application/problem+json with code, status, request id and retryable', async () => {
    const answer = await api.send('GET', '/v1/probes/x');
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(answer.body).toEqual({
      type: 'https://xenorack.dev/problems/not-found',
      title: 'Not found',
      status: 404,
      detail: 'There is no probe x.',
      code: 'not_found',
      request_id: answer.headers.get('x-request-id'),
      retryable: false,
    });
    expect(answer.body.request_id).toMatch(/^req_[0-9a-z]{26}$/);
  });

  test('limit_exceeded is 409 and lists the limits', async () => {
    const answer = await api.send('GET', '/v1/probes/limit');
    expect(answer.status).toBe(409);
    expect(answer.body).toMatchObject({
      code: 'limit_exceeded',
      limits: [{ name: 'domains', short_by: '1' }],
    });
  });

  test('a bug is 500, quotable by its request id, and tells nothing of the inside', async () => {
    const answer = await api.send('GET', '/v1/probes/bug');
    expect([answer.status, answer.body.code]).toEqual([500, 'internal_error']);
    expect(JSON.stringify(answer.body)).not.toMatch(/hunter2|Error:|\.ts/);
    expect(answer.body.detail).toContain(answer.body.request_id);
  });

  test('each field that does not fit is named with its pointer, its limit and its value', async () => {
    const answer = await api.send('POST', '/v1/probes', {
      body: { name: 'far too long a name', vcpus: 64, inner: { 'a/b': 'x' }, extra: 1 },
    });
    expect([answer.status, answer.body.code]).toEqual([422, 'invalid_request']);
    const byPointer = Object.fromEntries(
      answer.body.errors.map((each: { pointer: string; detail: string }) => [each.pointer, each.detail]),
    );
    expect(byPointer['/name']).toMatch(/name.*10.*far too long a name/);
    expect(byPointer['/vcpus']).toMatch(/vcpus.*4.*64/);
    expect(byPointer['/inner/a~1b']).toMatch(/expected number/);
    expect(byPointer['']).toMatch(/extra/);
  });

  test('the value of a password is not repeated', async () => {
    const answer = await api.send('POST', '/v1/probes', {
      body: { name: 'a', vcpus: 1, password: 'hunter2' },
    });
    expect(answer.status).toBe(422);
    expect(JSON.stringify(answer.body)).not.toContain('hunter2');
  });

  test.each([['{"name":'], ['{"a":1}}'], ['nonsense'], ['{"__proto__":{"a":1}}']])(
    'malformed JSON %p is 400 malformed_json',
    async (text) => {
      const answer = await api.send('POST', '/v1/probes', { body: text });
      expect([answer.status, answer.body.code]).toEqual([400, 'malformed_json']);
    },
  );

  test('no body, null and an array are refused where an object is wanted', async () => {
    for (const sent of [undefined, 'null', '[]', '']) {
      const headers = { 'content-type': 'application/json' };
      const answer = await api.send('POST', '/v1/probes', sent === undefined ? {} : { body: sent, headers });
      expect([sent, answer.status, answer.body.code]).toEqual([sent, 422, 'invalid_request']);
    }
  });

  test('a body over the limit is 413, one of another type is 415', async () => {
    const large = await api.send('POST', '/v1/probes', {
      body: JSON.stringify({ name: 'x'.repeat(bodyBytesMax) }),
    });
    expect([large.status, large.body.code]).toEqual([413, 'payload_too_large']);
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
    ]) {
      const answer = await api.send('POST', '/v1/probes', {
        body: 'name=a',
        headers: { 'content-type': type },
      });
      expect([type, answer.status, answer.body.code]).toEqual([type, 415, 'unsupported_media_type']);
    }
  });

  test('an unknown route is 404, a known one with another method is 405 and says what it takes', async () => {
    const unknown = await api.send('GET', '/v1/nothing/here');
    expect([unknown.status, unknown.body.code]).toEqual([404, 'not_found']);
    const wrong = await api.send('DELETE', '/v1/probes/x');
    expect([wrong.status, wrong.body.code, wrong.headers.get('allow')]).toEqual([
      405,
      'method_not_allowed',
      'GET, HEAD, PATCH',
    ]);
  });

  test('a query that does not fit names the parameter', async () => {
    const answer = await api.send('GET', '/v1/probes?limit=1000');
    expect(answer.status).toBe(422);
    expect(answer.body.errors[0]).toMatchObject({ pointer: '/query/limit' });
    expect((await api.send('GET', '/v1/probes?limit=7')).body.limit).toBe(7);
  });

  test('a change without the present ETag is 428, with an old one 412', async () => {
    expect((await api.send('PATCH', '/v1/probes/x')).body.code).toBe('precondition_required');
    const old = await api.send('PATCH', '/v1/probes/x', { headers: { 'if-match': '"v2"' } });
    expect([old.status, old.body.code]).toEqual([412, 'precondition_failed']);
    expect((await api.send('PATCH', '/v1/probes/x', { headers: { 'if-match': '"v2", "v3"' } })).status).toBe(
      200,
    );
  });

  test('a broken percent escape and an endless path are refused without harm', async () => {
    for (const path of ['/v1/probes/%zz', `/v1/probes/${'a'.repeat(5_000)}`]) {
      const answer = await raw(path);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
      expect(JSON.parse(answer.text)).toMatchObject({
        status: answer.status,
        request_id: expect.stringMatching(/^req_/),
      });
    }
  });

  test('requests over the limit are 429 with Retry-After, and every answer says what is left', async () => {
    const strict = await api.startAnother({ config: { rateLimitPerMinute: 5 } });
    const statuses: number[] = [];
    for (let i = 0; i < 12; i++) {
      const answer = await strict.send('GET', '/v1/probes', { headers: { cookie: 'a=b' } });
      statuses.push(answer.status);
      expect(answer.headers.get('ratelimit-limit')).toBe('5');
      if (answer.status === 429) expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect(statuses[0]).toBe(200);
    expect(statuses).toContain(429);
  });
});

describe('the contract and health', () => {
  test('/v1/openapi.json describes the routes that are served, each with its problems', async () => {
    const { body: document } = await api.send('GET', '/v1/openapi.json');
    expect(document.openapi).toMatch(/^3\.1/);
    const post = document.paths['/v1/probes'].post;
    expect(post.operationId).toBe('postProbe');
    expect(Object.keys(post.responses)).toEqual(
      expect.arrayContaining(['201', '400', '413', '415', '422', '500']),
    );
    expect(post.requestBody.content['application/json'].schema.properties.vcpus).toMatchObject({
      type: 'integer',
      maximum: 4,
    });
    expect(document.components.schemas.Problem.properties.code.enum).toContain('limit_exceeded');
  });

  test('healthz, readyz and metrics answer', async () => {
    expect((await api.send('GET', '/healthz')).body.status).toBe('alive');
    const ready = await api.send('GET', '/readyz');
    expect([ready.status, ready.body.checks.postgresql.ok, ready.body.checks.redis.ok]).toEqual([
      200,
      true,
      true,
    ]);
    const metrics = await api.send('GET', '/metrics');
    expect(metrics.body).toMatch(/xenorack_http_request_seconds_count\{[^}]*route="\/v1\/probes\/:id"/);
  });
});

/** Sends a path as it is; fetch would mend it first. */
function raw(path: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    http
      .get({ host: '127.0.0.1', port: new URL(api.url).port, path }, (response) => {
        let text = '';
        response.on('data', (chunk) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      })
      .on('error', reject);
  });
}
