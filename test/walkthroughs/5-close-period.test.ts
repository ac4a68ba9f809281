/** Flow 5: watermark past the end -> last rating -> invoice frozen and posted in one transaction -> event. */
import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exchange } from '../support/http-exchange.js';
import { type Created, type Product, startProduct } from '../support/product.js';
import { until } from '../support/until.js';

let product: Product;
let domain: Created;
beforeAll(async () => {
  product = await startProduct();
  // Slice 1 has a base fee and an allowance, Metered has neither: both ways of pricing are on the invoice.
  domain = await product.tenant.createDomain('busy', 'pln_metered');
  await product.tenant.createDomain('plain', 'pln_slice1');
  expect((await exchange(`${domain.url}burn?ms=8000`)).status).toBe(200);
  expect((await exchange(`${domain.url}bytes?n=2000000`)).status).toBe(200);
});
afterAll(() => product?.close());

const bill = () => product.tenant.get('/v1/billing/current-period');

/** A decimal of at most 12 digits after the point as 10^-12 units. */
function pico(text: string): bigint {
  const [whole = '0', fraction = ''] = text.split('.');
  return BigInt(whole) * 10n ** 12n + BigInt(fraction.padEnd(12, '0'));
}

/** Lowest terms, as invoices write fractions. */
function fraction(num: bigint, den: bigint): string {
  let [a, b] = [num, den];
  while (b !== 0n) [a, b] = [b, a % b];
  const [n, d] = [num / a, den / a];
  return d === 1n ? `${n}` : `${n}/${d}`;
}

/** Fields of one record of RFC 4180. */
function fieldsOf(row: string): string[] {
  return [...row.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,"]*))/g)].map(
    (found) => found[1] ?? found[2] ?? '',
  );
}

async function invoicesOf() {
  return (await product.tenant.get('/v1/invoices')).data as any[];
}

const runInvoice = (body: Record<string, unknown>, key: string = randomUUID()) =>
  product.operate(
    'POST',
    '/v1/operator/invoice-runs',
    { tenant_id: product.tenant.id, ...body },
    { 'idempotency-key': key },
  );

describe('the operator closes the period', () => {
  let period: { start: string; end: string };
  let invoice: any;
  let lastBill: any;

  test('not before it is over', async () => {
    ({ period } = await bill());
    expect(await runInvoice({ period_start: period.start })).toMatchObject({
      status: 409,
      body: { code: 'period_not_over' },
    });
  });

  test("a live tenant's clock can not be moved, a test tenant's only forward", async () => {
    const live = await product.api.createTenant('Live', 'live');
    const move = (id: string, to: string) =>
      product.operate('POST', `/v1/operator/tenants/${id}/test-clock`, { advance_to: to });
    expect(await move(live.id, period.end)).toMatchObject({ status: 409, body: { code: 'conflict' } });
    expect(await move(product.tenant.id, period.start)).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    });
  });

  test('moving the clock cuts every resource, bills nothing for the skipped span, and ends the period', async () => {
    // Everything stops first, so that the last live figure stands still and can be compared to the minor unit.
    for (const { id } of (await product.tenant.get('/v1/domains')).data) await product.tenant.act(id, 'stop');
    const before = await bill();
    const end = new Date(period.end);
    const stillInside = new Date(end.getTime() - 60_000).toISOString();
    const jump = (to: string) =>
      product.operate('POST', `/v1/operator/tenants/${product.tenant.id}/test-clock`, { advance_to: to });
    expect((await jump(stillInside)).status).toBe(200);
    lastBill = await until('the bill after the jump', async () => {
      const now = await bill();
      return now.metered_to > stillInside && now;
    });
    expect(lastBill.period).toEqual(before.period);
    // Three weeks were skipped: a span of seconds was billed, not of weeks.
    expect(pico(lastBill.accrued.amount) - pico(before.accrued.amount)).toBeLessThan(10n ** 9n);
    expect(lastBill.payable).toEqual(before.payable);
    expect((await jump(new Date(end.getTime() + 5_000).toISOString())).status).toBe(200);
  });

  test('a new period starts at nothing', async () => {
    const next = await until('the bill of the new period', async () => {
      const now = await bill();
      return now.period.start === period.end && now;
    });
    expect(pico(next.accrued.amount)).toBeLessThan(10n ** 9n);
    expect(next.payable.amount).toBe('0.00');
  });

  test('the invoice is issued once all cuts are in; its total is the last payable', async () => {
    expect((await runInvoice({})).status).toBe(202);
    [invoice] = await until('the invoice', async () => {
      const all = await invoicesOf();
      return all.length > 0 && all;
    });
    expect(period).toMatchObject(invoice.period);
    expect(invoice.total).toEqual(lastBill.payable);
    expect(pico(invoice.total.amount)).toBeGreaterThan(0n);
    const event = await until(
      'the event',
      async () => (await product.tenant.events('&types=invoice.issued'))[0],
    );
    expect(event.data).toMatchObject({ number: invoice.number, total: invoice.total });
  });

  test('the JSON is byte for byte what its hash is of; the lines of JSON and CSV add up', async () => {
    const answer = await fetch(`${product.api.url}/v1/invoices/${invoice.id}.json`, {
      headers: product.tenant.headers,
    });
    const text = await answer.text();
    expect(createHash('sha256').update(text).digest('hex')).toBe(invoice.content_hash);
    const content = JSON.parse(text);
    expect(content.number).toBe(invoice.number);
    const sum = content.lines.reduce((total: bigint, line: any) => total + pico(line.amount), 0n);
    expect(sum).toBe(pico(content.net));
    expect(pico(content.net) + pico(content.tax)).toBe(pico(content.total));

    const csv = (await product.tenant.call('GET', `/v1/invoices/${invoice.id}.csv`))
      .body as unknown as string;
    const rows = csv.trimEnd().split('\r\n').map(fieldsOf);
    const [head, ...records] = rows as [string[], ...string[][]];
    const at = head.indexOf('amount');
    const sums = Object.fromEntries(records.slice(-3).map((row) => [row[0], pico(row[at]!)]));
    expect(records.slice(0, -3).reduce((total, row) => total + pico(row[at]!), 0n)).toBe(sums['net']);
    expect(sums['total']).toBe(pico(invoice.total.amount));
    expect(records).toHaveLength(content.lines.length + 3);
  });

  test('each line is derived from stored cuts to the exact fraction, by arithmetic of our own', async () => {
    const { lines } = await product.tenant.get(`/v1/invoices/${invoice.id}`);
    const chargeOf = new Map<string, [bigint, bigint]>();
    expect(lines.length).toBeGreaterThan(5);
    for (const line of lines) {
      const derivation = await product.tenant.get(`/v1/invoice-lines/${line.id}/derivation`);
      const { quantity, price, records, exact } = derivation;
      let total = 0n;
      for (const record of records) {
        for (const cut of [record.from, record.to]) {
          const [stored] = (await product.sql(
            `SELECT encode(hash, 'hex') AS hash, values::text[] AS values FROM cut WHERE incarnation_id = $1 AND seq = $2`,
            [record.incarnation, cut.seq],
          )) as [any];
          expect(stored.hash).toBe(cut.hash);
          expect(stored.values).toContain(cut.value);
        }
        const used = BigInt(record.to.value) - BigInt(record.from.value);
        expect(BigInt(record.quantity)).toBe(used);
        total += used;
      }
      expect(BigInt(quantity.total)).toBe(total);
      const billable = total > BigInt(quantity.included) ? total - BigInt(quantity.included) : 0n;
      expect(BigInt(quantity.billable)).toBe(billable);
      const [num, den] = [billable * pico(price.amount.amount), BigInt(price.per_quantity)];
      expect(exact.gross_pico).toBe(fraction(num, den));
      // The monthly caps are far in a period of seconds.
      expect(exact.charge_pico).toBe(exact.gross_pico);
      chargeOf.set(line.id, [num, den]);
    }
    let [num, den] = [0n, 1n];
    for (const [n, d] of chargeOf.values()) [num, den] = [num * d + n * den, den * d];
    const net = pico(invoice.net.amount);
    // Rounded once, to the nearest cent.
    const off = net * den - num;
    expect((off < 0n ? -off : off) * 2n).toBeLessThanOrEqual(10n ** 10n * den);
  });

  test('the ledger balances, and its entries say what is owed', async () => {
    const { body } = await product.operate('GET', '/v1/operator/ledger');
    expect(body.sums.map((sum: any) => pico(sum.amount))).toEqual([0n]);
    const balance = (account: string) =>
      body.data.find((each: any) => each.account === account)?.balance.amount;
    expect(pico(balance('receivable'))).toBe(pico(invoice.total.amount));
    const [unbalanced] = await product.sql(
      `SELECT count(*)::int AS count FROM (SELECT transaction_id FROM ledger_entry GROUP BY 1 HAVING sum(amount_pico) <> 0) t`,
    );
    expect(unbalanced).toEqual({ count: 0 });
  });

  test('closing again changes nothing', async () => {
    const state = async () => ({
      invoices: await invoicesOf(),
      entries: await product.sql('SELECT id FROM ledger_entry ORDER BY id'),
      number: await product.sql('SELECT next_number FROM issuer'),
    });
    const before = await state();
    expect((await runInvoice({ period_start: period.start })).status).toBe(202);
    expect((await runInvoice({ period_start: period.start, force: true })).status).toBe(202);
    await until('both runs to end', async () => {
      const [row] = await product.sql(
        `SELECT count(*) FILTER (WHERE status <> 'done')::int AS open, count(*)::int AS jobs FROM job WHERE name = 'close-period'`,
      );
      return row!['open'] === 0 && row!['jobs'] >= 3;
    });
    expect(await state()).toEqual(before);
  });
});
