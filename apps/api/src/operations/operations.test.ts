import { Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startApi, type TestApi } from '../../../../test/support/api.js';
import { newId } from '../platform/ids.js';
import { jobNames } from '../platform/job-map.js';
import { Jobs } from '../platform/jobs.js';
import { refuse } from '../platform/problem.js';
import { UnitOfWork } from '../platform/unit-of-work.js';
import { Operations } from './operations.js';

@Injectable()
class NoJobs implements OnModuleInit {
  constructor(private readonly jobs: Jobs) {}
  onModuleInit(): void {
    for (const name of jobNames) this.jobs.handle(name, async () => {});
  }
}

@Module({ providers: [NoJobs] })
class NoJobsModule {}

let api: TestApi;
let tenantId: string;
let headers: Record<string, string>;
beforeAll(async () => {
  api = await startApi({ modules: [NoJobsModule] });
  tenantId = (await api.createTenant()).id;
  headers = (await api.createKey(tenantId)).headers;
});
afterAll(() => api.close());

const run = <T>(work: Parameters<UnitOfWork['run']>[0]) => api.get(UnitOfWork).run(work) as Promise<T>;
const operations = () => api.get(Operations);
const open = async (subjectId = newId('dom')): Promise<string> => {
  const input = { tenantId, type: 'domain.create', subjectType: 'domain', subjectId, actor: null };
  return (await run<{ id: string }>((tx) => operations().open(tx, input))).id;
};
const get = async (id: string, query = '') =>
  (await api.send('GET', `/v1/operations/${id}${query}`, { headers })).body;

describe('operations', () => {
  test('an operation is queued, runs with progress that never goes back, and succeeds', async () => {
    const id = await open();
    expect(await get(id)).toMatchObject({
      status: 'queued',
      percent: 0,
      actor: { kind: 'system' },
      started_at: null,
      error: null,
    });
    await operations().advance(id, { percent: 60, stage: 'building' });
    await operations().advance(id, { percent: 20, stage: 'building' });
    expect(await get(id)).toMatchObject({ status: 'running', percent: 60, stage: 'building' });
    await run((tx) => operations().succeed(tx, id));
    const done = await get(id);
    expect(done).toMatchObject({ status: 'succeeded', percent: 100 });
    expect(Date.parse(done.finished_at)).toBeGreaterThanOrEqual(Date.parse(done.started_at));
  });

  test('what has ended stays as it ended', async () => {
    const id = await open();
    await run((tx) =>
      operations().fail(tx, id, refuse('no_capacity', 'No host has room.').toProblem('req_x')),
    );
    await run((tx) => operations().succeed(tx, id));
    await operations().advance(id, { percent: 90, stage: 'late' });
    expect(await get(id)).toMatchObject({
      status: 'failed',
      error: { code: 'no_capacity', retryable: true },
      percent: 0,
    });
  });

  test('wait answers when the operation ends, without being asked again', async () => {
    const id = await open();
    let answered = false;
    const waiting = get(id, '?wait=60').finally(() => (answered = true));
    await operations().advance(id, { percent: 50, stage: 'half' });
    expect(answered).toBe(false);
    await run((tx) => operations().succeed(tx, id));
    expect(await waiting).toMatchObject({ id, status: 'succeeded' });
  });

  test('many waiters of operations that end at once all get their own end', async () => {
    const ids = await Promise.all(Array.from({ length: 25 }, () => open()));
    const waiting = ids.map((id) => get(id, '?wait=60'));
    await Promise.all(ids.map((id) => run((tx) => operations().succeed(tx, id))));
    expect((await Promise.all(waiting)).map(({ id, status }) => [id, status])).toEqual(
      ids.map((id) => [id, 'succeeded']),
    );
  });

  test('a wait that is over answers the operation as it is', async () => {
    const id = await open();
    expect(await get(id, '?wait=1')).toMatchObject({ id, status: 'queued' });
  });

  test('a process that stops answers its waiters', async () => {
    const another = await api.startAnother();
    const id = await open();
    const waiting = another.send('GET', `/v1/operations/${id}?wait=60`, { headers });
    // The other process counts the request when it has arrived.
    while (!/xenorack_waiting_requests 1/.test((await another.send('GET', '/metrics')).body));
    await another.close();
    expect((await waiting).body).toMatchObject({ id, status: 'queued' });
  });

  test("another tenant's operation is not found, by any of its routes", async () => {
    const id = await open();
    const stranger = await api.createKey((await api.createTenant('Stranger')).id);
    for (const path of [`/v1/operations/${id}`, `/v1/operations/${id}?wait=5`]) {
      const answer = await api.send('GET', path, { headers: stranger.headers });
      expect([answer.status, answer.body.code]).toEqual([404, 'not_found']);
    }
    expect((await api.send('GET', '/v1/operations', { headers: stranger.headers })).body.data).toEqual([]);
    expect((await api.send('GET', '/v1/operations/op_no-such-id', { headers })).status).toBe(404);
  });

  test('the list filters by subject and pages newest first', async () => {
    const subject = newId('dom');
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.push(await open(subject));
    const first = (await api.send('GET', `/v1/operations?subject=${subject}&limit=3`, { headers })).body;
    const second = (
      await api.send('GET', `/v1/operations?subject=${subject}&limit=3&cursor=${first.page.next_cursor}`, {
        headers,
      })
    ).body;
    expect([...first.data, ...second.data].map(({ id }) => id)).toEqual([...ids].reverse());
    expect(second.page).toEqual({ next_cursor: null, has_more: false });
  });

  test('wait outside 0 to 60 is refused', async () => {
    const id = await open();
    for (const wait of ['-1', '61', 'x'])
      expect((await get(id, `?wait=${wait}`)).code).toBe('invalid_request');
  });
});
