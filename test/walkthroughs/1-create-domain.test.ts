/** Flow 1: dashboard form -> POST /v1/domains -> quota, host, landing reserve, operation -> build -> unpause -> it serves. */
import fs from 'node:fs';
import path from 'node:path';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exchange } from '../support/http-exchange.js';
import { type Product, startProduct } from '../support/product.js';
import { until } from '../support/until.js';

let product: Product;
beforeAll(async () => {
  product = await startProduct();
});
afterAll(() => product?.close());

const body = { name: 'web-1', plan_id: 'pln_slice1' };
const frames = 64 * 256;

async function held() {
  const [claims] = await product.sql(
    `SELECT count(*)::int AS claims, coalesce(sum(amount), 0)::int AS amount FROM quota_claim`,
  );
  const [quota] = await product.sql(
    `SELECT sum(used)::int AS used, sum(reserved)::int AS reserved FROM quota`,
  );
  const [hosts] = await product.sql(`SELECT sum(frames_claimed)::int AS frames FROM host`);
  return { ...claims, ...quota, ...hosts };
}

describe('a domain is created', () => {
  const key = randomUUID();
  let created: any;

  test('answers 201 at once with the domain, its operation and what it sets aside, as the estimate said', async () => {
    const { tenant } = product;
    const estimate = await tenant.call('POST', '/v1/estimates', body);
    expect(estimate.status).toBe(200);
    expect(await held()).toMatchObject({ claims: 0, frames: 0 });
    const answer = await tenant.requestDomain(body, key);
    expect(answer.status).toBe(201);
    created = answer.body;
    expect(answer.headers.get('location')).toBe(`/v1/domains/${created.domain.id}`);
    expect(created.domain).toMatchObject({
      name: 'web-1',
      phase: 'provisioning',
      operation: created.operation.id,
    });
    expect(created.operation).toMatchObject({
      type: 'domain.create',
      cost_effect: { landing_reserve: estimate.body.landing_reserve },
    });
    expect(await held()).toMatchObject({ claims: 4, frames });
  });

  test('the same request with its key is answered again and builds nothing', async () => {
    const again = await product.tenant.requestDomain(body, key);
    expect(again.status).toBe(201);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again.body.domain.id).toBe(created.domain.id);
    expect(await held()).toMatchObject({ claims: 4, frames });
  });

  test('the operation ends, the domain runs and its guest answers HTTP on a real TCP port', async () => {
    const { tenant } = product;
    expect(await tenant.finished(created.operation.id)).toMatchObject({ status: 'succeeded', percent: 100 });
    const domain = await tenant.get(`/v1/domains/${created.domain.id}`);
    expect(domain).toMatchObject({ state: 'running', phase: 'ready', operation: null, holds: [] });
    const page = await exchange(domain.config.ports[0].url);
    expect(page.status).toBe(200);
    expect(page.body).toContain('web-1');
    expect(await held()).toMatchObject({ claims: 4, frames, reserved: 0, used: 1 + 1 + 64 + 256 });
  });

  test('charging opens at the unpause: seq 0 is all zeros, running, and nothing is metered before it', async () => {
    const readings = await until('a first reading', async () => {
      const all = await product.tenant.readings(`domains/${created.domain.id}`);
      return all.length > 1 && all;
    });
    const first = readings.at(-1);
    expect(first).toMatchObject({ seq: '0', kind: 'open', state: 'running' });
    expect(Object.values(first.values).every((value) => value === '0')).toBe(true);
    expect(first.prev).toBe('0'.repeat(64));
  });

  test('the feed tells it in order, and the trail says who', async () => {
    const { tenant } = product;
    const events = await until('the feed to tell that it runs', async () => {
      const all = await tenant.events(`&subject=${created.domain.id}`);
      return all.some((event) => event.type === 'domain.state_changed') && all;
    });
    expect(events.map((event) => event.type)).toEqual(['domain.created', 'domain.state_changed']);
    expect(events[1].data).toMatchObject({ state: 'running', previous_state: 'halted' });
    const trail = await tenant.get(`/v1/audit-entries?subject=${created.domain.id}`);
    expect(trail.data).toEqual([expect.objectContaining({ action: 'domain.create' })]);
  });

  test('a second domain of the name is refused, and what it had claimed is given back', async () => {
    const before = await held();
    const answer = await product.tenant.requestDomain({ ...body, name: 'web-1' });
    expect(answer).toMatchObject({ status: 409, body: { code: 'already_exists' } });
    expect(await held()).toEqual(before);
  });
});

test('a create that the host can not finish is undone in full: quota, frames, rows and money', async () => {
  const { tenant, api } = product;
  const before = await held();
  const hosts = path.join(api.config.dataDir, 'hosts');
  const folders = fs.readdirSync(hosts).map((id) => path.join(hosts, id, 'volumes'));
  // The disks of all hosts are gone: a file stands where the folder of the volumes was.
  for (const folder of folders) {
    fs.renameSync(folder, `${folder}-away`);
    fs.writeFileSync(folder, '');
  }
  try {
    const answer = await tenant.requestDomain({ ...body, name: 'unlucky' });
    expect(answer.status).toBe(201);
    const operation = await tenant.finished(answer.body.operation.id);
    expect(operation).toMatchObject({ status: 'failed', error: { code: 'host_refused' } });
    expect(await tenant.call('GET', `/v1/domains/${answer.body.domain.id}`)).toMatchObject({ status: 404 });
    expect(await held()).toEqual(before);
    const [row] = await product.sql('SELECT count(*)::int AS lives FROM incarnation WHERE resource_id = $1', [
      answer.body.domain.id,
    ]);
    expect(row).toEqual({ lives: 0 });
  } finally {
    for (const folder of folders) {
      fs.rmSync(folder);
      fs.renameSync(`${folder}-away`, folder);
    }
  }
  // The name is free again, and the hosts are sound.
  await tenant.createDomain('unlucky', 'pln_slice1');
});
