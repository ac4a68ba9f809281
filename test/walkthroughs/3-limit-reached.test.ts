/** Flow 3: a budget of cents with policy pause stops the domain in the host's own tick; raising it resumes. */
import http from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { capOvershootBoundPico, parsePico, ratio, slopePico } from '@xenorack/accounting';
import { PlanStore } from '../../apps/api/src/catalog/plan.store.js';
import { HostEvents } from '../../apps/api/src/hosts/host-events.js';
import { exchange } from '../support/http-exchange.js';
import { type Created, type Product, startProduct } from '../support/product.js';
import { until } from '../support/until.js';

const TICK_NS = 1_000_000n;
const VCPUS = 2n;

let product: Product;
let domain: Created;
const exhausted: { leaseId: string; drawnPico: string; authorisedPico: string; utcNs: string }[] = [];
beforeAll(async () => {
  product = await startProduct();
  product.api.get(HostEvents).on('lease-changed', async (event) => {
    if (event.state === 'exhausted') exhausted.push(event);
  });
  domain = await product.tenant.createDomain('spender');
});
afterAll(() => product?.close());

const euro = (pico: bigint) => {
  const text = pico.toString().padStart(13, '0');
  return { amount: `${text.slice(0, -12)}.${text.slice(-12)}`, currency: 'EUR' };
};
const bill = () => product.tenant.get('/v1/billing/current-period');
const shown = () => product.tenant.get(`/v1/domains/${domain.id}`);

/** Keeps a connection computing; it stalls when the domain is paused and is given up then. */
function burn(): () => void {
  const request = http.get(`${domain.url}burn?ms=60000`, { agent: false });
  request.on('error', () => undefined);
  return () => request.destroy();
}

async function quantities(): Promise<Map<string, bigint>> {
  return new Map((await bill()).lines.map((line: any) => [line.item, BigInt(line.quantity)]));
}

describe('a budget of two cents with policy pause', () => {
  let budget: any;
  let etag: string;

  test('is seen by the host before its money is used', async () => {
    const spent = parsePico((await bill()).accrued.amount)!;
    const answer = await product.tenant.call('POST', '/v1/budgets', {
      name: 'cents',
      amount: euro(spent + 20_000_000_000n),
      policy: 'pause',
    });
    expect(answer.status).toBe(201);
    budget = answer.body;
    etag = answer.headers.get('etag')!;
    await until('a lease cut to the budget', async () => {
      const [lease] = (await product.tenant.get(`/v1/budgets/${budget.id}`)).leases;
      return parsePico(lease.authorised.amount)! <= parsePico(budget.amount.amount)!;
    });
    expect((await shown()).state).toBe('running');
  });

  test("stops the domain in the host's tick: the overshoot is within the bound I2", async () => {
    const stops = [burn(), burn()];
    const paused = await until('the domain to be paused', async () => {
      const now = await shown();
      return now.state === 'paused' && now.holds.length > 0 && now;
    });
    for (const stop of stops) stop();
    expect(paused.holds).toEqual([expect.objectContaining({ cause: 'billing' })]);
    expect(paused.blocked_actions).toContainEqual(
      expect.objectContaining({ type: 'unpause', code: 'held_by_billing' }),
    );
    const [version] = (await product.api.get(PlanStore).versionsById(['plv_metered_v1'])).values();
    const slope = (meter: any) => slopePico(version!, meter, 'running');
    const memory = slope('memory.frame_ns');
    const bound = capOvershootBoundPico({
      tickNs: TICK_NS,
      runningVcpus: VCPUS,
      pricePerVcpuNsPico: ratio(
        slope('cpu.ns').num * memory.den * VCPUS +
          memory.num * version!.size.memoryFrames * slope('cpu.ns').den,
        slope('cpu.ns').den * memory.den * VCPUS,
      ),
      // Nothing is in flight when a guest only computes but what the driver domain does for its sockets in a tick.
      inFlight: [{ quantity: TICK_NS, pricePico: slope('cpu.onbehalf.ns') }],
    });
    const last = exhausted.at(-1)!;
    const overshoot = BigInt(last.drawnPico) - BigInt(last.authorisedPico);
    expect(overshoot).toBeGreaterThanOrEqual(0n);
    expect(overshoot).toBeLessThanOrEqual(bound);
    // The pause is a cut of its own at the host, at the instant at which the money was gone.
    const cut = await until('the cut of the pause', async () =>
      (await product.tenant.readings(`domains/${domain.id}`)).find(
        (r) => r.state === 'paused' && r.kind === 'cut',
      ),
    );
    expect(cut.reason).toBe('pause:allowance');
    // In all: not above the budget, nor far below what could be spent beside the landing reserve.
    const { accrued } = await until('a bill that knows of the pause', async () => {
      const now = await bill();
      return Date.parse(now.metered_to) > Date.parse(cut.at) && now;
    });
    const spent = parsePico(accrued.amount)!;
    const limit = parsePico(budget.amount.amount)!;
    expect(spent).toBeLessThanOrEqual(limit);
    expect(limit - spent).toBeLessThan(parsePico(budget.landing_reserve.amount)! + 1_000_000_000n);
  });

  test('afterwards only paused memory and disk accrue', async () => {
    const before = await quantities();
    const after = await until('two more figures', async () => {
      const now = await quantities();
      return (
        now.get('memory')! > before.get('memory')! &&
        now.get('disk.space')! > before.get('disk.space')! &&
        now
      );
    });
    const moved = [...after]
      .filter(([item, quantity]) => quantity !== before.get(item))
      .map(([item]) => item);
    expect(moved.sort()).toEqual(['disk.space', 'memory']);
    const still = await product.tenant.get(`/v1/budgets/${budget.id}`);
    expect(still.state).toBe('exhausted');
  });

  test('tells it: each threshold once, the breach once, the lease, the new state', async () => {
    const events = await until('the breach in the feed', async () => {
      const all = await product.tenant.events();
      return all.some((event) => event.type === 'limit.breached') && all;
    });
    const of = (type: string) => events.filter((event) => event.type === type);
    expect(of('budget.threshold_reached').map((event) => event.data.threshold_percent)).toEqual([
      50, 80, 100,
    ]);
    expect(of('limit.breached')).toHaveLength(1);
    expect(of('limit.breached')[0].data).toMatchObject({
      limit: 'budget',
      policy: 'pause',
      domain_ids: [domain.id],
    });
    expect(of('lease.exhausted').at(-1).data.domain_ids).toEqual([domain.id]);
    // It was stopped once, when the money was gone, and not now and then while there was some.
    expect(of('domain.state_changed').map((event) => event.data.state)).toEqual(['running', 'paused']);
    expect(of('domain.state_changed').at(-1).data.holds).toEqual(['billing']);
  });

  test('raising it resumes the domain where it stood, and it serves again', async () => {
    const stale = await product.tenant.call(
      'PATCH',
      `/v1/budgets/${budget.id}`,
      { name: 'x' },
      { 'if-match': '"v9"' },
    );
    expect(stale).toMatchObject({ status: 412, body: { code: 'precondition_failed' } });
    const raised = await product.tenant.call(
      'PATCH',
      `/v1/budgets/${budget.id}`,
      { amount: { amount: '5', currency: 'EUR' } },
      { 'if-match': etag },
    );
    expect(raised.status).toBe(200);
    await until('the domain to run again', async () => (await shown()).state === 'running');
    expect((await shown()).holds).toEqual([]);
    expect((await exchange(`${domain.url}burn?ms=1`)).status).toBe(200);
    const [{ lives }] = (await product.sql(
      'SELECT count(*)::int AS lives FROM incarnation WHERE resource_id = $1',
      [domain.id],
    )) as [any];
    expect(lives).toBe(1);
    // The thresholds of the larger budget are far: nothing is announced again.
    const events = await product.tenant.events('&types=budget.threshold_reached,limit.breached');
    expect(events).toHaveLength(4);
  });
});
