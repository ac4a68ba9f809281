/** One tenant on two hosts: its budget follows its use, and a jump of its clock holds on hosts that saw none. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parsePico } from '@xenorack/accounting';
import { exchange } from '../support/http-exchange.js';
import { type Created, type Product, startProduct } from '../support/product.js';
import { until } from '../support/until.js';

let product: Product;
let first: Created;
let second: Created;
beforeAll(async () => {
  product = await startProduct();
  first = await product.tenant.createDomain('first');
});
afterAll(() => product?.close());

const accruedOf = async (domain: Created) =>
  parsePico((await product.tenant.get(`/v1/domains/${domain.id}`)).billing.accrued.amount)!;
const stateOf = async (domain: Created) => (await product.tenant.get(`/v1/domains/${domain.id}`)).state;
const burn = (domain: Created, ms: number) => exchange(`${domain.url}burn?ms=${ms}`);

describe('a tenant on two hosts', () => {
  test('is billed for a domain created after a clock jump on a host that made no cut for it', async () => {
    const jump = await product.operate('POST', `/v1/operator/tenants/${product.tenant.id}/test-clock`, {
      advance_to: '2031-03-15T12:00:00Z',
    });
    expect(jump.status).toBe(200);
    second = await product.tenant.createDomain('second');
    const rows = await product.sql('SELECT host_id FROM domain ORDER BY id');
    expect(new Set(rows.map((row) => row.host_id)).size).toBe(2);
    await burn(second, 1_000);
    // One second of CPU at 3.60 EUR an hour.
    await until(
      'the burnt second to be on the bill',
      async () => (await accruedOf(second)) >= 1_000_000_000n,
    );
    const bill = await product.tenant.get('/v1/billing/current-period');
    expect(bill.period.start).toBe('2031-02-28T23:00:00Z');
    expect(bill.lines.map((line: any) => line.resource.id)).toContain(second.id);
  });

  test('can spend a small budget on either host, whichever held the money before', async () => {
    const spent = parsePico((await product.tenant.get('/v1/billing/current-period')).accrued.amount)!;
    const amount = `0.${(spent + 20_000_000_000n).toString().padStart(12, '0')}`;
    const made = await product.tenant.call('POST', '/v1/budgets', {
      name: 'both',
      amount: { amount, currency: 'EUR' },
      policy: 'pause',
    });
    expect(made.status).toBe(201);
    for (const domain of [first, second]) {
      await until(`${domain.id} to run on its share`, async () => (await stateOf(domain)) === 'running');
    }
    // 12 s of CPU on one host are 0.012 EUR: more than half of what both may spend together.
    const before = await accruedOf(second);
    expect((await burn(second, 6_000)).status).toBe(200);
    expect((await burn(second, 6_000)).status).toBe(200);
    await until('it to be on the bill', async () => (await accruedOf(second)) >= before + 12_000_000_000n);
    expect((await burn(first, 1_000)).status).toBe(200);
    const bill = await product.tenant.get('/v1/billing/current-period');
    expect(parsePico(bill.accrued.amount)!).toBeLessThanOrEqual(spent + 20_000_000_000n);
  });
});
