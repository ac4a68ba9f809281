import { Body, Controller, Injectable, Module, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { startApi, type TestApi } from '../../../../test/support/api.js';
import { Database } from './database.js';
import { Idempotency, sendAnswer } from './idempotency.js';
import { newId } from './ids.js';
import { refuse } from './problem.js';
import { Route } from './route.js';

/** What a test decides about the next effect, and what it saw. */
@Injectable()
class Effects {
  runs = 0;
  before: () => Promise<void> = async () => {};
}

const body = z.object({ name: z.string(), n: z.number().default(1) });

@Controller('effects')
class EffectsController {
  constructor(
    private readonly effects: Effects,
    private readonly idempotency: Idempotency,
  ) {}

  @Post()
  @Route({
    summary: 'p',
    operationId: 'postEffect',
    body,
    responses: { 201: z.unknown() },
    idempotencyKey: 'required',
  })
  async post(@Body() sent: z.infer<typeof body>, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    const answer = await this.idempotency.perform(request, { required: true }, async (tx) => {
      this.effects.runs += 1;
      const id = newId('evt');
      await tx.outboxEvent.create({
        data: { id, type: 'test', subjectType: 'test', subjectId: sent.name, data: {} },
      });
      await this.effects.before();
      return { status: 201, body: { id, name: sent.name }, headers: { Location: `/v1/effects/${id}` } };
    });
    return sendAnswer(reply, answer);
  }
}

@Module({ controllers: [EffectsController], providers: [Effects] })
class EffectsModule {}

let api: TestApi;
let headers: Record<string, string>;
let otherHeaders: Record<string, string>;

beforeAll(async () => {
  api = await startApi({ modules: [EffectsModule], config: { roles: new Set(['http'] as const) } });
  headers = (await api.createKey((await api.createTenant()).id)).headers;
  otherHeaders = (await api.createKey((await api.createTenant('Other')).id)).headers;
});
afterAll(() => api.close());
beforeEach(() => void Object.assign(api.get(Effects), { runs: 0, before: async () => {} }));

const post = (key: string | null, sent: unknown, more = headers) =>
  api.send('POST', '/v1/effects', {
    body: sent,
    headers: { ...more, ...(key === null ? {} : { 'idempotency-key': key }) },
  });
const effectsOf = (name: string) =>
  api.get(Database).prisma.outboxEvent.count({ where: { subjectId: name } });

describe('idempotency', () => {
  test('the same key and body answer the stored answer, and the effect happens once', async () => {
    const first = await post('replay', { name: 'replay' });
    const second = await post('replay', { name: 'replay' });
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body).toEqual(first.body);
    expect(second.headers.get('location')).toBe(first.headers.get('location'));
    expect([first.headers.get('idempotency-replayed'), second.headers.get('idempotency-replayed')]).toEqual([
      null,
      'true',
    ]);
    expect(await effectsOf('replay')).toBe(1);
  });

  test('the order of the members of a body makes no difference, a default that is filled in does not either', async () => {
    await post('order', { name: 'order', n: 2 });
    const again = await post('order', '{"n":2,"name":"order"}');
    expect(again.headers.get('idempotency-replayed')).toBe('true');
  });

  test('another body under the key is 422 idempotency_key_reused', async () => {
    await post('reused', { name: 'reused' });
    const other = await post('reused', { name: 'reused', n: 3 });
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused']);
    expect(await effectsOf('reused')).toBe(1);
  });

  test('thirty requests at once with one key have one effect; the others are replays or 409 in flight', async () => {
    const answers = await Promise.all(
      Array.from({ length: 30 }, () => post('parallel', { name: 'parallel' })),
    );
    const fresh = answers.filter(
      (each) => each.status === 201 && each.headers.get('idempotency-replayed') === null,
    );
    const others = answers.filter((each) => !fresh.includes(each));
    expect(fresh).toHaveLength(1);
    expect(
      others.every(
        (each) => each.body.code === 'idempotency_in_flight' || each.body.id === fresh[0]?.body.id,
      ),
    ).toBe(true);
    expect(await effectsOf('parallel')).toBe(1);
  });

  test('a second request while the first runs is 409 idempotency_in_flight', async () => {
    let started = () => {};
    let finish = () => {};
    const running = new Promise<void>((resolve) => (started = resolve));
    const allowed = new Promise<void>((resolve) => (finish = resolve));
    api.get(Effects).before = async () => {
      started();
      await allowed;
    };
    const first = post('flight', { name: 'flight' });
    await running;
    const second = await post('flight', { name: 'flight' });
    finish();
    expect([second.status, second.body.code, second.body.retryable]).toEqual([
      409,
      'idempotency_in_flight',
      true,
    ]);
    expect((await first).status).toBe(201);
  });

  test('a request that fails leaves neither effect nor stored answer, so it may be sent again', async () => {
    for (const failure of [refuse('no_capacity'), new Error('the process breaks here')]) {
      const name = `failed ${failure.message}`;
      api.get(Effects).before = async () => {
        throw failure;
      };
      expect((await post(name.replaceAll(' ', '-'), { name })).status).toBeGreaterThanOrEqual(400);
      expect(await effectsOf(name)).toBe(0);
      api.get(Effects).before = async () => {};
      const again = await post(name.replaceAll(' ', '-'), { name });
      expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, null]);
    }
  });

  test('a connection to PostgreSQL that is cut in the middle leaves nothing, and the key is free again', async () => {
    api.get(Effects).before = async () => {
      await api.get(Database).pool.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND state = 'idle in transaction' AND pid <> pg_backend_pid()`,
      );
    };
    expect((await post('cut', { name: 'cut' })).status).toBeGreaterThanOrEqual(500);
    expect(await effectsOf('cut')).toBe(0);
    api.get(Effects).before = async () => {};
    expect((await post('cut', { name: 'cut' })).status).toBe(201);
  });

  test('the same key of another tenant is another key', async () => {
    const mine = await post('shared', { name: 'mine' });
    const theirs = await post('shared', { name: 'theirs' }, otherHeaders);
    expect([mine.status, theirs.status, theirs.headers.get('idempotency-replayed')]).toEqual([
      201,
      201,
      null,
    ]);
  });

  test('a key is forgotten after a day', async () => {
    await post('old', { name: 'old' });
    await api
      .get(Database)
      .prisma.idempotencyKey.updateMany({ where: { key: 'old' }, data: { expiresAt: new Date(0) } });
    const again = await post('old', { name: 'old', n: 9 });
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, null]);
  });

  test('without a key a required one is asked for; a key that cannot be used is refused', async () => {
    expect((await post(null, { name: 'x' })).body.code).toBe('idempotency_key_required');
    expect((await post('a b', { name: 'x' })).body.code).toBe('invalid_idempotency_key');
    expect((await post('k'.repeat(256), { name: 'x' })).body.code).toBe('invalid_idempotency_key');
    expect(api.get(Effects).runs).toBe(0);
  });
});
