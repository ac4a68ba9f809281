import { Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startApi, type TestApi } from '../../../../../test/support/api.js';
import { Database } from '../database.js';
import { EventFeed } from '../event-feed.js';
import type { EventWire } from '../event-map.js';
import { jobNames } from '../job-map.js';
import { Jobs, type JobRun } from '../jobs.js';
import { Outbox, EventListeners } from '../outbox.js';
import { RedisLink } from '../redis.js';
import { UnitOfWork } from '../unit-of-work.js';
import { Relay } from './relay.js';

/** Handles every job, and lets a test decide what a run does. */
@Injectable()
class Probe implements OnModuleInit {
  runs: { operationId: string; run: JobRun }[] = [];
  heard: EventWire[] = [];
  work: (operationId: string, run: JobRun) => Promise<void> = async () => {};
  hear: (event: EventWire) => Promise<void> = async () => {};

  constructor(
    private readonly jobs: Jobs,
    private readonly listeners: EventListeners,
  ) {}

  onModuleInit(): void {
    this.jobs.handle(
      'build-domain',
      async ({ operationId }, run) => {
        this.runs.push({ operationId, run });
        await this.work(operationId, run);
      },
      { concurrency: 8 },
    );
    for (const name of jobNames) if (name !== 'build-domain') this.jobs.handle(name, async () => {});
    this.listeners.on('domain.created', async (event) => {
      await this.hear(event);
      this.heard.push(event);
    });
  }
}

@Module({ providers: [Probe] })
class ProbeModule {}

/** Handles all jobs but one. */
@Injectable()
class Incomplete implements OnModuleInit {
  constructor(private readonly jobs: Jobs) {}
  onModuleInit(): void {
    for (const name of jobNames) if (name !== 'close-period') this.jobs.handle(name, async () => {});
  }
}

@Module({ providers: [Incomplete] })
class IncompleteModule {}

let api: TestApi;
let probe: Probe;
beforeAll(async () => {
  api = await startApi({ modules: [ProbeModule] });
  probe = api.get(Probe);
});
afterAll(() => api.close());
beforeEach(
  () => void Object.assign(probe, { work: async () => {}, hear: async () => {}, runs: [], heard: [] }),
);

const tenantId = 'ten_00000000000000000000000000';

async function writeEvent(name: string, hold: Promise<void> = Promise.resolve()): Promise<string> {
  return api.get(UnitOfWork).run(async (tx) => {
    const id = await api.get(Outbox).write(tx, {
      tenantId,
      type: 'domain.created',
      subject: { type: 'domain', id: name },
      data: { name, plan_id: 'pln_x', operation_id: 'op_x' },
    });
    await hold;
    return id;
  });
}

const ask = (operationId: string, options: { key?: string; delayMs?: number } = {}) =>
  api
    .get(UnitOfWork)
    .run((tx) => api.get(Jobs).request(tx, 'build-domain', { operationId, domainId: 'dom_x' }, options));

/** Looks until it is so; what is waited for always has an end, so a test that hangs has failed. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve));
}
const statusOf = async (id: string | null) =>
  (await api.get(Database).prisma.job.findUnique({ where: { id: id ?? '' } }))?.status;

describe('events', () => {
  test('a follower sees every event of concurrent commits once, in order of seq without gaps', async () => {
    const seen: EventWire[] = [];
    const end = await api.get(EventFeed).subscribe((event) => seen.push(event));
    const ids = await Promise.all(Array.from({ length: 200 }, (_, index) => writeEvent(`parallel-${index}`)));
    await until(() => seen.length >= ids.length);
    end();
    expect(new Set(seen.map(({ id }) => id))).toEqual(new Set(ids));
    const seqs = seen.map(({ seq }) => Number(seq));
    expect(seqs).toEqual(seqs.map((_, index) => (seqs[0] ?? 0) + index));
  });

  test('an event that commits late gets a later seq than those that were read before it', async () => {
    const seen: EventWire[] = [];
    const end = await api.get(EventFeed).subscribe((event) => seen.push(event));
    let release = () => {};
    const late = writeEvent('late', new Promise((resolve) => (release = resolve)));
    await writeEvent('early');
    await until(() => seen.some(({ subject }) => subject.id === 'early'));
    release();
    await late;
    await until(() => seen.some(({ subject }) => subject.id === 'late'));
    end();
    const seqOf = (name: string) => BigInt(seen.find(({ subject }) => subject.id === name)?.seq ?? 0);
    expect(seqOf('late')).toBeGreaterThan(seqOf('early'));
  });

  test('an event of work that is rolled back never appears', async () => {
    const rolledBack = api.get(UnitOfWork).run(async (tx) => {
      await api.get(Outbox).write(tx, {
        tenantId,
        type: 'domain.deleted',
        subject: { type: 'domain', id: 'never' },
        data: { name: 'never' },
      });
      throw new Error('undo');
    });
    await expect(rolledBack).rejects.toThrow('undo');
    await writeEvent('after');
    await until(() => probe.heard.some(({ subject }) => subject.id === 'after'));
    expect(await api.get(Database).prisma.outboxEvent.count({ where: { subjectId: 'never' } })).toBe(0);
  });

  test('a listener that fails gets the event again, and others are not held up', async () => {
    let failures = 2;
    probe.hear = async (event) => {
      if (event.subject.id === 'stubborn' && failures-- > 0) throw new Error('not yet');
    };
    await writeEvent('stubborn');
    await writeEvent('easy');
    await until(() => probe.heard.length >= 2);
    expect(probe.heard.map(({ subject }) => subject.id)).toEqual(['easy', 'stubborn']);
    await until(async () => (await api.get(Database).prisma.eventDelivery.count()) === 0);
  });

  test('events go on while Redis has forgotten everybody', async () => {
    const seen: EventWire[] = [];
    const end = await api.get(EventFeed).subscribe((event) => seen.push(event));
    await api.get(RedisLink).client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await writeEvent('unheard');
    await until(() => seen.some(({ subject }) => subject.id === 'unheard'));
    end();
  });

  test('with two processes there is one relay, and the second takes over when the first goes', async () => {
    const second = await startApi({ modules: [ProbeModule] });
    const third = await second.startAnother();
    const write = async (name: string) =>
      second.get(UnitOfWork).run((tx) =>
        second.get(Outbox).write(tx, {
          tenantId,
          type: 'domain.created',
          subject: { type: 'domain', id: name },
          data: { name, plan_id: '', operation_id: '' },
        }),
      );
    const heard = () =>
      [...second.get(Probe).heard, ...third.get(Probe).heard].map(({ subject }) => subject.id);
    await write('one');
    await until(() => heard().includes('one'));
    const leader = second.get(Probe).heard.length > 0 ? second : third;
    // The leader's own connection is cut: PostgreSQL frees the lock and one of the two takes it.
    await leader
      .get(Database)
      .pool.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'xenorack-relay' AND datname = current_database()",
      );
    await write('two');
    await until(() => heard().includes('two'));
    expect(heard().filter((name) => name === 'one')).toHaveLength(1);
    await second.close();
  });
});

describe('jobs', () => {
  test('a job asked for in a transaction runs after its commit and ends as done', async () => {
    const id = await ask('op_done');
    await until(async () => (await statusOf(id)) === 'done');
    expect(probe.runs).toEqual([{ operationId: 'op_done', run: { jobId: id, attempt: 1, last: false } }]);
  });

  test('a job of work that is rolled back never runs', async () => {
    const rolledBack = api.get(UnitOfWork).run(async (tx) => {
      await api.get(Jobs).request(tx, 'build-domain', { operationId: 'op_never', domainId: 'dom_x' });
      throw new Error('undo');
    });
    await expect(rolledBack).rejects.toThrow('undo');
    const id = await ask('op_next');
    await until(async () => (await statusOf(id)) === 'done');
    expect(probe.runs.map(({ operationId }) => operationId)).toEqual(['op_next']);
  });

  test('a job that fails is tried again and then done', async () => {
    probe.work = async (_, { attempt }) => {
      if (attempt < 3) throw new Error(`attempt ${attempt}`);
    };
    const id = await ask('op_retry');
    await until(async () => (await statusOf(id)) === 'done');
    expect(probe.runs.map(({ run }) => run.attempt)).toEqual([1, 2, 3]);
  });

  test('two requests of one key that wait are one job; after it began, another one may be asked for', async () => {
    let finish = () => {};
    const held = new Promise<void>((resolve) => (finish = resolve));
    probe.work = () => held;
    const first = await ask('op_key', { key: 'k', delayMs: 200 });
    expect(await ask('op_key', { key: 'k' })).toBeNull();
    await until(async () => (await statusOf(first)) === 'running');
    const second = await ask('op_key', { key: 'k' });
    expect(second).not.toBeNull();
    finish();
    await until(async () => (await statusOf(first)) === 'done' && (await statusOf(second)) === 'done');
  });

  test('jobs survive the loss of everything in Redis: each one runs', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `op_flush-${index}`);
    const ids = await Promise.all(names.map((name) => ask(name, { delayMs: 3_600_000 })));
    await until(
      async () =>
        (await api
          .get(Database)
          .prisma.job.count({ where: { id: { in: ids as string[] }, status: 'queued' } })) === ids.length,
    );
    await api.get(RedisLink).client.flushdb();
    // They are due by now, and were queued long enough ago to be searched for.
    const past = new Date(Date.now() - 60_000);
    await api.get(Database).prisma.job.updateMany({
      where: { id: { in: ids as string[] } },
      data: { runAt: past, queuedAt: past },
    });
    await api.get(Relay).recoverJobs();
    await until(
      async () =>
        (await api
          .get(Database)
          .prisma.job.count({ where: { id: { in: ids as string[] }, status: 'done' } })) === ids.length,
    );
    expect(new Set(probe.runs.map(({ operationId }) => operationId))).toEqual(new Set(names));
  });

  test('a job that was done is not run again when its queue entry comes back', async () => {
    const id = await ask('op_once');
    await until(async () => (await statusOf(id)) === 'done');
    await api.get(Database).prisma.job.update({ where: { id: id ?? '' }, data: { finishedAt: new Date(0) } });
    const { Queue } = await import('bullmq');
    const queue = new Queue('build-domain', {
      connection: api.get(RedisLink).client,
      prefix: api.get(RedisLink).name('jobs'),
    });
    await queue.add(
      'build-domain',
      { operationId: 'op_once', domainId: 'dom_x' },
      { jobId: id ?? '', removeOnComplete: true },
    );
    await until(async () => (await queue.getJob(id ?? '')) === undefined);
    await queue.close();
    expect(probe.runs).toHaveLength(1);
  });

  test('a process of role jobs whose map has an unhandled job refuses to start and names it', async () => {
    await expect(startApi({ modules: [IncompleteModule] })).rejects.toThrow(
      'These jobs have no handler: close-period.',
    );
  });

  test('jobs by status are in the metrics', async () => {
    await ask('op_later', { delayMs: 3_600_000 });
    const { body } = await api.send('GET', '/metrics');
    expect(body).toMatch(/xenorack_jobs\{job="build-domain",status="(requested|queued)"\} \d+/);
    expect(body).toMatch(/xenorack_job_runs_total\{job="build-domain",outcome="done"\} \d+/);
  });
});
