import http from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { metersByPowerState } from '@xenorack/accounting';
import { EventReader } from '../support/event-reader.js';
import { exchange } from '../support/http-exchange.js';
import { type Created, type Product, startProduct } from '../support/product.js';
import { until } from '../support/until.js';

let product: Product;
let domain: Created;
let reader: EventReader;
beforeAll(async () => {
  product = await startProduct();
  reader = new EventReader(`${product.api.url}/v1/events`, product.tenant.headers);
  domain = await product.tenant.createDomain('actor', 'pln_slice1');
});
afterAll(async () => {
  reader?.close();
  await product?.close();
});

const shown = () => product.tenant.get(`/v1/domains/${domain.id}`);

/** Quantities of the bill by item, of this domain and its volume. */
async function billed(): Promise<Map<string, bigint>> {
  const { lines } = await product.tenant.get('/v1/billing/current-period');
  return new Map(lines.map((line: any) => [line.item, BigInt(line.quantity)]));
}

const meterOfItem: Record<string, string> = {
  'base.running': 'state.running.ns',
  'base.paused': 'state.paused.ns',
  cpu: 'cpu.ns',
  'cpu.onbehalf': 'cpu.onbehalf.ns',
  memory: 'memory.frame_ns',
  'disk.space': 'disk.space.byte_ns',
  'disk.write': 'disk.write.bytes',
  'net.tx': 'net.public.tx.bytes',
  'net.rx': 'net.public.rx.bytes',
};

/** Items whose quantity grows while the domain stays as it is, from the first figure that shows the state alone. */
async function growing(): Promise<string[]> {
  const space = (bill: Map<string, bigint>) => bill.get('disk.space') ?? 0n;
  const next = (after: Map<string, bigint>) =>
    until('a newer figure', async () => {
      const now = await billed();
      return space(now) > space(after) && now;
    });
  // The figure under way may still hold a moment of the state before.
  const first = await next(await next(await billed()));
  const second = await next(first);
  return [...second]
    .filter(([item, quantity]) => quantity > (first.get(item) ?? 0n))
    .map(([item]) => item)
    .sort();
}

/** No item may grow that the published table B3 does not charge in this state. */
function expectTable(items: string[], state: 'running' | 'paused' | 'halted') {
  const charged: readonly string[] = metersByPowerState()[state];
  for (const item of items) expect([item, charged.includes(meterOfItem[item]!)]).toEqual([item, true]);
}

describe('figures of the stream', () => {
  test('come once a second, and the bill moves in the same second as the usage', async () => {
    const request = http.get(`${domain.url}burn?ms=60000`, { agent: false });
    request.on('error', () => undefined);
    await until(
      'six seconds of figures',
      () => reader.of('domain.figures').length >= 6 && reader.of('bill.figures').length >= 6,
    );
    request.destroy();
    const figures = reader.of('domain.figures');
    const bills = reader.of('bill.figures');
    for (const message of [...figures, ...bills]) expect(message.id).toBeUndefined();
    // One a second by the host's own labels; a busy machine may deliver them late, never more of them.
    const seconds = figures.map(({ data }) => Date.parse(data.at)).filter((at) => at % 1_000 === 0);
    expect(seconds.length).toBeGreaterThanOrEqual(5);
    expect(new Set(seconds).size).toBe(seconds.length);
    // Each rating tells both: the bill right before what its domains did, with one instant of metering for both.
    for (const [at, message] of reader.messages.entries()) {
      if (message.event !== 'domain.figures') continue;
      const bill = reader.messages
        .slice(0, at)
        .reverse()
        .find((each) => each.event === 'bill.figures')!;
      expect(Date.parse(bill.data.metered_to)).toBeGreaterThanOrEqual(Date.parse(message.data.at));
      expect(message.data.accrued.amount <= bill.data.accrued.amount).toBe(true);
    }
    const accrued = figures.map(({ data }) => data.accrued.amount);
    expect([...accrued].sort()).toEqual(accrued);
    expect(Number(accrued.at(-1))).toBeGreaterThan(Number(accrued[0]));
    const busy = figures.at(-1)!.data;
    expect(busy).toMatchObject({ domain_id: domain.id, state: 'running' });
    expect(Math.max(...figures.map(({ data }) => Number(data.cpu_percent)))).toBeGreaterThan(10);
    expect(BigInt(busy.totals['cpu.ns'])).toBeGreaterThan(0n);
    expect(busy.memory_bytes).toBe(String(64 * 1024 * 1024));
  });
});

describe('what an action does to state, holds and meters', () => {
  test('pause: memory and paused time run, CPU and traffic stand; the page waits', async () => {
    expect(await product.tenant.act(domain.id, 'pause')).toMatchObject({ status: 'succeeded' });
    const paused = await shown();
    expect(paused).toMatchObject({ state: 'paused', holds: [{ cause: 'tenant' }] });
    expect(paused.allowed_actions).toEqual(expect.arrayContaining(['unpause', 'stop', 'reboot', 'delete']));
    expect(paused.blocked_actions).toContainEqual(
      expect.objectContaining({ type: 'pause', code: 'already_paused' }),
    );
    const again = await product.tenant.call('POST', `/v1/domains/${domain.id}/actions`, { type: 'pause' });
    expect(again).toMatchObject({
      status: 409,
      body: { code: 'action_not_allowed', reason: 'already_paused' },
    });
    const items = await growing();
    expect(items).toEqual(['base.paused', 'disk.space', 'memory']);
    expectTable(items, 'paused');
  });

  test('unpause: it goes on where it stood, in the same life', async () => {
    const waiting = exchange(`${domain.url}stats`);
    expect(await product.tenant.act(domain.id, 'unpause')).toMatchObject({ status: 'succeeded' });
    // What was asked while it was paused is answered now.
    expect((await waiting).status).toBe(200);
    expect(await shown()).toMatchObject({ state: 'running', holds: [] });
    const items = await growing();
    expect(items).toEqual(expect.arrayContaining(['base.running', 'disk.space', 'memory']));
    expect(items).not.toContain('base.paused');
    expectTable(items, 'running');
    expect(
      new Set((await product.tenant.readings(`domains/${domain.id}`)).map((r) => r.incarnation)).size,
    ).toBe(1);
  });

  test('stop: only the disk goes on; the life ends with a closing cut', async () => {
    expect(await product.tenant.act(domain.id, 'stop')).toMatchObject({ status: 'succeeded' });
    const stopped = await shown();
    expect(stopped).toMatchObject({ state: 'halted', holds: [], started_at: null });
    expect(stopped.allowed_actions).toEqual(['start', 'delete']);
    expect(await growing()).toEqual(['disk.space']);
    const [last] = await product.tenant.readings(`domains/${domain.id}`);
    expect(last).toMatchObject({ kind: 'close', reason: 'destroy' });
    const refused = await product.tenant.call('POST', `/v1/domains/${domain.id}/actions`, {
      type: 'unpause',
    });
    expect(refused).toMatchObject({ status: 409, body: { code: 'action_not_allowed', reason: 'not_up' } });
  });

  test('start and reboot: a new life that serves at the same address', async () => {
    expect(await product.tenant.act(domain.id, 'start')).toMatchObject({ status: 'succeeded' });
    expect((await shown()).config.ports[0].url).toBe(domain.url);
    expect((await exchange(domain.url)).status).toBe(200);
    expect(await product.tenant.act(domain.id, 'reboot')).toMatchObject({ status: 'succeeded' });
    expect((await exchange(domain.url)).status).toBe(200);
    const lives = await product.sql(
      'SELECT closed_how FROM incarnation WHERE resource_id = $1 ORDER BY opened_utc_ns',
      [domain.id],
    );
    expect(lives.map((life) => life['closed_how'])).toEqual(['close', 'close', null]);
  });

  test('shutdown: the guest ends by itself and the domain is halted', async () => {
    expect(await product.tenant.act(domain.id, 'shutdown')).toMatchObject({ status: 'succeeded' });
    expect(await shown()).toMatchObject({ state: 'halted', phase: 'ready' });
  });

  test('two actions at once: one runs, the other is told which', async () => {
    const [one, other] = await Promise.all([
      product.tenant.call('POST', `/v1/domains/${domain.id}/actions`, { type: 'start' }),
      product.tenant.call('POST', `/v1/domains/${domain.id}/actions`, { type: 'start' }),
    ]);
    const [won, lost] = one!.status === 202 ? [one!, other!] : [other!, one!];
    expect(won.status).toBe(202);
    expect(lost).toMatchObject({ status: 409, body: { code: 'operation_in_progress', retryable: true } });
    expect(lost.body.detail).toContain(won.body.operation.id);
    expect(await product.tenant.finished(won.body.operation.id)).toMatchObject({ status: 'succeeded' });
  });

  test('delete: quota and frames come back, the disk stops to cost, the name is free', async () => {
    expect(await product.tenant.act(domain.id, 'delete')).toMatchObject({ status: 'succeeded' });
    expect((await product.tenant.call('GET', `/v1/domains/${domain.id}`)).status).toBe(404);
    const { data } = await product.tenant.get('/v1/limits');
    for (const limit of data)
      expect(limit).toMatchObject({ used: '0', reserved: '0', headroom: limit.limit });
    const [frames] = await product.sql('SELECT sum(frames_claimed)::int AS claimed FROM host');
    expect(frames).toEqual({ claimed: 0 });
    const open = await product.sql('SELECT id FROM incarnation WHERE closed_utc_ns IS NULL');
    expect(open).toEqual([]);
    expect((await product.tenant.requestDomain({ name: 'actor', plan_id: 'pln_slice1' })).status).toBe(201);
  });

  test('the stream told every state in order', async () => {
    const states = () =>
      reader
        .of('domain.state_changed')
        .filter(({ data }) => data.subject.id === domain.id)
        .map(({ data }) => data.data.state);
    await until('all states', () => states().length >= 7);
    expect(states().join(' ')).toMatch(/^running paused running halted running .*halted running$/);
    const seqs = reader.messages.flatMap((message) => (message.id === undefined ? [] : [Number(message.id)]));
    expect([...seqs].sort((a, b) => a - b)).toEqual(seqs);
  });
});
