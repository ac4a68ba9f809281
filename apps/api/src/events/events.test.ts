import http from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startApi, type TestApi } from '../../../../test/support/api.js';
import { Database } from '../platform/database.js';
import { jobNames } from '../platform/job-map.js';
import { Jobs } from '../platform/jobs.js';
import { LiveFeed } from '../platform/live-feed.js';
import { Outbox } from '../platform/outbox.js';
import { UnitOfWork } from '../platform/unit-of-work.js';
import { Injectable, Module, type OnModuleInit } from '@nestjs/common';

@Injectable()
class NoJobs implements OnModuleInit {
  constructor(private readonly jobs: Jobs) {}
  onModuleInit(): void {
    for (const name of jobNames) this.jobs.handle(name, async () => {});
  }
}

@Module({ providers: [NoJobs] })
class NoJobsModule {}

interface Message {
  id?: string;
  event?: string;
  data?: any;
}

let api: TestApi;
let tenantId: string;
let headers: Record<string, string>;
beforeAll(async () => {
  api = await startApi({ modules: [NoJobsModule] });
  tenantId = (await api.createTenant()).id;
  headers = (await api.createKey(tenantId)).headers;
});
afterAll(() => api.close());

const write = (name: string, of = tenantId, size = 0) =>
  api.get(UnitOfWork).run((tx) =>
    api.get(Outbox).write(tx, {
      tenantId: of,
      type: 'domain.deleted',
      subject: { type: 'domain', id: name },
      data: { name: name + 'x'.repeat(size) },
    }),
  );

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve));
}

/** An open stream; it keeps what it was sent. */
class Reader {
  readonly messages: Message[] = [];
  head: http.IncomingMessage | undefined;
  firstByte = false;
  ended = false;
  private text = '';
  private request: http.ClientRequest;

  constructor(path: string, sent: Record<string, string>, lastEventId?: string) {
    const resume: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    this.request = http.get(
      `${api.url}${path}`,
      { headers: { accept: 'text/event-stream', ...sent, ...resume } },
      (head) => {
        this.head = head;
        head.on('data', (chunk: Buffer) => this.take(chunk.toString()));
        head.on('close', () => (this.ended = true));
      },
    );
    this.request.on('error', () => (this.ended = true));
  }

  close(): void {
    this.request.destroy();
  }

  names(): (string | undefined)[] {
    return this.messages.filter(({ event }) => event === 'domain.deleted').map(({ data }) => data.subject.id);
  }

  async ready(): Promise<string> {
    await until(() => this.messages.some(({ event }) => event === 'ready'));
    return this.messages[0]?.id ?? '';
  }

  private take(chunk: string): void {
    this.firstByte = true;
    const blocks = (this.text + chunk).split('\n\n');
    this.text = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = Object.fromEntries(
        block
          .split('\n')
          .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
      );
      if (fields.event) this.messages.push({ ...fields, data: JSON.parse(fields.data ?? 'null') });
    }
  }
}

describe('the live stream', () => {
  test('opens at once with the headers that keep proxies from buffering it', async () => {
    const reader = new Reader('/v1/events', headers);
    await until(() => reader.firstByte);
    expect(reader.head?.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'x-request-id': expect.stringMatching(/^req_/),
    });
    reader.close();
  });

  test("brings a tenant's own events with seq as id, and nobody else's", async () => {
    const stranger = (await api.createTenant('Stranger')).id;
    const reader = new Reader('/v1/events', headers);
    await reader.ready();
    await write('theirs', stranger);
    await write('mine');
    await until(() => reader.names().includes('mine'));
    expect(reader.names()).toEqual(['mine']);
    const message = reader.messages.find(({ event }) => event === 'domain.deleted');
    expect(message?.id).toBe(message?.data.seq);
    expect(message?.data).toMatchObject({
      type: 'domain.deleted',
      tenant_id: tenantId,
      subject: { type: 'domain' },
    });
    reader.close();
  });

  test('a reader that is cut off again and again while events are written loses none and gets none twice', async () => {
    const count = 150;
    const seen: (string | undefined)[] = [];
    let reader = new Reader('/v1/events', headers);
    // A stream begins at its ready: what was written before it is not this reader's to see.
    let lastId = await reader.ready();
    const written = (async () => {
      for (let i = 0; i < count; i++) await write(`resume-${i}`);
    })();
    while (seen.length < count) {
      // Cut at any point: after whatever has arrived by the time a few events are there.
      await until(() => reader.names().length >= Math.min(7, count - seen.length));
      reader.close();
      seen.push(...reader.names());
      lastId = reader.messages.filter(({ id }) => id !== undefined).at(-1)?.id ?? lastId;
      reader = new Reader('/v1/events', headers, lastId);
    }
    reader.close();
    await written;
    expect(seen).toEqual(Array.from({ length: count }, (_, i) => `resume-${i}`));
  });

  test.each(['999999999999', 'nonsense', '-1'])(
    'an unknown Last-Event-ID %p gets resync, then what comes',
    async (lastId) => {
      const reader = new Reader('/v1/events', headers, lastId);
      await until(() => reader.messages.length > 0);
      expect(reader.messages[0]?.event).toBe('resync');
      await write(`after-resync ${lastId}`);
      await until(() => reader.names().includes(`after-resync ${lastId}`));
      reader.close();
    },
  );

  test('a reader who missed more than can be resumed gets resync', async () => {
    const busy = await api.createTenant('Busy');
    const key = await api.createKey(busy.id);
    const { pool } = api.get(Database);
    await pool.query(
      `INSERT INTO outbox_event (id, tenant_id, type, subject_type, subject_id, data)
       SELECT 'evt_many' || n, $1, 'domain.deleted', 'domain', 'many', '{}' FROM generate_series(1, 10002) AS n`,
      [busy.id],
    );
    await until(
      async () => (await pool.query('SELECT FROM outbox_event WHERE seq IS NULL LIMIT 1')).rowCount === 0,
    );
    const reader = new Reader('/v1/events', key.headers, '0');
    await until(() => reader.messages.length > 0);
    expect(reader.messages[0]?.event).toBe('resync');
    reader.close();
  });

  test('figures come without an id, to the tenant they are for', async () => {
    const reader = new Reader('/v1/events', headers);
    await reader.ready();
    const stranger = (await api.createTenant('Figures')).id;
    const publish = () => {
      api.get(LiveFeed).publish({ tenantId: stranger }, 'domain.metrics', { cpu: 2 });
      api.get(LiveFeed).publish({ tenantId }, 'domain.metrics', { cpu: 1 });
    };
    await until(() => {
      publish();
      return reader.messages.some(({ event }) => event === 'domain.metrics');
    });
    const figures = reader.messages.filter(({ event }) => event === 'domain.metrics');
    expect(figures.every(({ id, data }) => id === undefined && data.cpu === 1)).toBe(true);
    reader.close();
  });

  test('figures sent together all come, in order, whatever text they hold', async () => {
    const reader = new Reader('/v1/events', headers);
    await reader.ready();
    const figures = Array.from({ length: 100 }, (_, at) => ({
      name: 'domain.metrics',
      data: { together: at, text: 'a\nb\r\n\n: "ä" \u2028' },
    }));
    await until(() => {
      api.get(LiveFeed).publish({ tenantId }, 'domain.metrics', { open: true });
      return reader.messages.some(({ data }) => data.open === true);
    });
    api.get(LiveFeed).publishAll({ tenantId }, figures);
    await until(() => reader.messages.some(({ data }) => data.together === 99));
    const come = reader.messages.filter(({ data }) => data.together !== undefined);
    expect(come.map(({ data }) => data)).toEqual(figures.map(({ data }) => data));
    reader.close();
  });

  test("the operator's stream brings the events of all tenants", async () => {
    const staff = await api.signIn({ operatorRole: 'support' });
    const reader = new Reader('/v1/operator/events', { cookie: staff.headers.cookie ?? '' });
    await reader.ready();
    const other = (await api.createTenant('Another')).id;
    await write('from-one');
    await write('from-another', other);
    await until(() => reader.names().includes('from-another'));
    expect(reader.names()).toEqual(['from-one', 'from-another']);
    reader.close();
  });

  test('a reader who takes nothing is dropped past the bound, and others are not held up', async () => {
    const idle = new Reader('/v1/events', headers);
    await idle.ready();
    idle.head?.pause();
    const other = new Reader('/v1/events', headers);
    await other.ready();
    // More than the bound and what the sockets of both sides hold together.
    for (let i = 0; i < 40; i++) await write(`large-${i}`, tenantId, 500_000);
    await until(() => other.names().length === 40);
    await until(async () =>
      /xenorack_event_streams_dropped_total [1-9]/.test((await api.send('GET', '/metrics')).body),
    );
    other.close();
    idle.close();
  });

  test('a process that stops ends its streams', async () => {
    const another = await api.startAnother();
    const response = await fetch(`${another.url}/v1/events`, {
      headers: { accept: 'text/event-stream', ...headers },
    });
    const body = response.text();
    await another.close();
    expect(await body).toContain('retry:');
  });
});

describe('the history', () => {
  test('pages newest first and visits every event once', async () => {
    const tenant = await api.createTenant('History');
    const key = await api.createKey(tenant.id);
    for (let i = 0; i < 7; i++) await write(`h-${i}`, tenant.id);
    await until(
      async () =>
        (await api.send('GET', '/v1/events?subject=h-6', { headers: key.headers })).body.data.length === 1,
    );
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: any = (
        await api.send('GET', `/v1/events?limit=3&types=domain.deleted&cursor=${cursor}`, {
          headers: key.headers,
        })
      ).body;
      seen.push(...page.data.map((each: any) => each.subject.id));
      cursor = page.page.next_cursor;
    }
    expect(seen).toEqual(['h-6', 'h-5', 'h-4', 'h-3', 'h-2', 'h-1', 'h-0']);
  });

  test('a cursor that is none is refused', async () => {
    const answer = await api.send('GET', '/v1/events?cursor=abc', { headers });
    expect([answer.status, answer.body.code]).toEqual([400, 'invalid_cursor']);
  });
});
