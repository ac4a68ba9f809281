import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import type { ReadingBatch, WireReading } from '@xenorack/xenoserver';
import { send } from '../support/api.js';
import { exchange } from '../support/http-exchange.js';
import { type Created, Customer } from '../support/product.js';
import { type Stack, startStack } from '../support/stack.mjs';
import { until } from '../support/until.js';

let stack: Stack;
let database: pg.Client;
let tenant: Customer;
beforeAll(async () => {
  stack = await startStack();
  database = new pg.Client({ connectionString: stack.databaseUrl });
  await database.connect();
  const headers = { authorization: `Bearer ${stack.tenant.api_key}` };
  const me = await send(stack.apiUrl, 'GET', '/v1/me', { headers });
  const api = { send: (method: string, at: string, sent?: object) => send(stack.apiUrl, method, at, sent) };
  tenant = new Customer(api, me.body.tenant.id, headers);
}, 600_000);
afterAll(async () => {
  await database?.end();
  await stack?.dispose();
}, 120_000);

/** Readings of all hosts' journals on disk, read by the format alone: "XRJ1", then u32 length, u32 checksum, payload. */
function readJournals(): WireReading[] {
  const hosts = path.join(stack.dataFolder, 'hosts');
  const readings: WireReading[] = [];
  for (const host of fs.readdirSync(hosts)) {
    const folder = path.join(hosts, host, 'journal');
    for (const name of fs
      .readdirSync(folder)
      .filter((each) => each.endsWith('.xrj'))
      .sort()) {
      const bytes = fs.readFileSync(path.join(folder, name));
      for (let at = 4; at + 8 <= bytes.length;) {
        const length = bytes.readUInt32BE(at);
        const payload = bytes.subarray(at + 8, at + 8 + length);
        at += 8 + length;
        // A torn record at the end was never answered: it is no part of the journal.
        if (payload.length < length || payload.toString('latin1', 0, 1) !== 'B') continue;
        readings.push(...(JSON.parse(payload.toString('utf8', 1)) as ReadingBatch).readings);
      }
    }
  }
  return readings;
}

interface Life {
  id: string;
  epoch: number;
  resource_id: string;
  closed_how: string | null;
  head_seq: string;
  head_values: string[];
  opened_utc_ns: string;
  closed_utc_ns: string | null;
}

async function lives(): Promise<Life[]> {
  const { rows } = await database.query(
    `SELECT id, epoch, resource_id, closed_how, head_seq, head_values::text[] AS head_values, opened_utc_ns, closed_utc_ns
       FROM incarnation ORDER BY resource_id, opened_utc_ns`,
  );
  return rows;
}

describe('kill -9 of the process in the middle of metering', () => {
  let domain: Created;
  let second: { id: string; operationId: string };
  /** Last durable reading of each life before the kill. */
  const durable = new Map<string, WireReading>();

  test('the next start finishes what was begun and brings the domain back by itself, on the same URL', async () => {
    domain = await tenant.createDomain('survivor');
    expect((await exchange(`${domain.url}bytes?n=100000`)).status).toBe(200);
    const busy = exchange(`${domain.url}burn?ms=60000`).catch(() => 'cut off');
    await until('some metered work', async () => {
      const [head] = await tenant.readings(`domains/${domain.id}`);
      return BigInt(head.values['cpu.ns']) > 300_000_000n;
    });
    const made = await tenant.requestDomain({ name: 'half-built', plan_id: 'pln_slice1' });
    expect(made.status).toBe(201);
    second = { id: made.body.domain.id, operationId: made.body.operation.id };
    await stack.kill();
    expect(await busy).toBe('cut off');
    for (const reading of readJournals()) durable.set(reading.incarnation, reading);
    expect([...durable.values()].some((reading) => reading.resourceId === domain.id)).toBe(true);

    await stack.restart();
    expect(await tenant.finished(second.operationId)).toMatchObject({ status: 'succeeded' });
    await until('the domain to run again', async () => {
      const { state, holds } = await tenant.get(`/v1/domains/${domain.id}`);
      return state === 'running' && holds.length === 0;
    });
    expect((await exchange(domain.url)).status).toBe(200);
  }, 300_000);

  test("what is stored of the lives before the kill is the hosts' own journal, to the last durable reading", async () => {
    const stored = new Map((await lives()).map((life) => [life.id, life]));
    for (const [incarnation, reading] of durable) {
      expect(stored.get(incarnation)).toMatchObject({
        closed_how: 'lost',
        head_seq: String(reading.seq),
        head_values: reading.values,
        closed_utc_ns: reading.utcNs,
      });
    }
    // The last durable reading is a cut, so an invoice has all of it.
    const { rows } = await database.query(
      `SELECT count(*)::int AS uncut FROM incarnation i WHERE closed_how = 'lost'
          AND NOT EXISTS (SELECT 1 FROM cut c WHERE c.incarnation_id = i.id AND c.seq = i.head_seq AND c.values = i.head_values)`,
    );
    expect(rows).toEqual([{ uncut: 0 }]);
  });

  test('each resource has a new life that begins at zero after the old one; no two overlap', async () => {
    const all = await lives();
    for (const resource of new Set([...durable.values()].map((reading) => reading.resourceId))) {
      const own = all.filter((life) => life.resource_id === resource);
      expect(own.map((life) => life.epoch)).toEqual([...own.map((life) => life.epoch)].sort((a, b) => a - b));
      expect(own.at(-1)!.closed_utc_ns).toBeNull();
      for (const [at, life] of own.slice(1).entries())
        expect(BigInt(own[at]!.closed_utc_ns!)).toBeLessThanOrEqual(BigInt(life.opened_utc_ns));
    }
    const opens = await database.query(
      `SELECT count(*)::int AS bad FROM cut WHERE seq = 0 AND (kind <> 'open' OR 0 <> ANY (values))`,
    );
    expect(opens.rows).toEqual([{ bad: 0 }]);
  });

  test('what is billed is the sum over the lives and nothing for the time between them', async () => {
    const place = new Map(
      Object.keys((await tenant.readings(`domains/${domain.id}`))[0].values).map((m, at) => [m, at]),
    );
    const at = place.get('memory.frame_ns')!;
    const billed = await until('a bill made from the present heads', async () => {
      const sum = async () =>
        (await lives())
          .filter((life) => life.resource_id === domain.id)
          .reduce((total, life) => total + BigInt(life.head_values[at]!), 0n);
      const before = await sum();
      const { lines } = await tenant.get('/v1/billing/current-period');
      const line = lines.find((each: any) => each.resource.id === domain.id && each.item === 'memory');
      return BigInt(line.quantity) === before && before === (await sum()) && { lines, before };
    });
    expect(billed.before).toBeGreaterThan(0n);
    // Work ended with the kill: what was billed for it is what the journal says, and what the second life did.
    const cpu = billed.lines.find((line: any) => line.resource.id === domain.id && line.item === 'net.tx');
    const tx = place.get('net.public.tx.bytes')!;
    const own = (await lives()).filter((life) => life.resource_id === domain.id);
    expect(BigInt(cpu.quantity)).toBe(own.reduce((total, life) => total + BigInt(life.head_values[tx]!), 0n));
  });

  test('the lease of the dead epoch is settled and the new epoch has one of its own', async () => {
    const { rows } = await database.query(
      `SELECT l.epoch, l.state, h.epoch AS now FROM lease l JOIN host h ON h.id = l.host_id
        WHERE l.tenant_id = $1 AND l.host_id = (SELECT host_id FROM domain WHERE id = $2) ORDER BY l.epoch`,
      [tenant.id, domain.id],
    );
    const now = rows.at(-1);
    expect(now).toMatchObject({ epoch: now.now, state: 'active' });
    await until('the old series to be settled', async () => {
      const old = await database.query(
        `SELECT count(*)::int AS open FROM lease l JOIN host h ON h.id = l.host_id WHERE l.epoch < h.epoch AND l.state <> 'settled'`,
      );
      return old.rows[0].open === 0;
    });
  });
});
