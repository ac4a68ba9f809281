import { describe, expect, test } from '@jest/globals';
import { testPlan, testPrice } from '../catalog/plan.fixture.js';
import { minorToPico, parsePico } from '../base/money.js';
import { runningBill } from '../bill/running-bill.js';
import { balanceOf, ledgerBalances } from '../ledger/transaction.js';
import { accrueUsage, issueInvoice, receivePayment } from '../ledger/templates.js';
import { rate } from '../rating/rate.js';
import type { UsageRecord } from '../usage/usage-record.js';
import { foldCuts } from '../usage/usage-record.js';
import { canonicalJson } from './canonical-json.js';
import { draftInvoice } from './draft-invoice.js';
import { invoiceCsv } from './invoice-csv.js';

const QUARTER = 900_000_000_000n;
const HOUR = 4n * QUARTER;
const TAXES = [{ taxGroupId: 'standard', name: 'VAT 19 %', ratePpm: 190_000n }];

function value<T>(
  result:
    | { readonly ok: true; readonly value: T }
    | { readonly ok: false; readonly error: { readonly message: string } },
): T {
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

/** Two hours of a domain: running for one, paused for one, a cut every quarter hour. */
function records(): readonly UsageRecord[] {
  const incarnation = {
    incarnationId: 'host-1/3/7',
    resourceId: 'dom_1',
    meters: ['cpu.ns', 'memory.frame_ns'],
  };
  const cuts = Array.from({ length: 9 }, (_, index) => {
    const at = BigInt(index) * QUARTER;
    const cpu = (at < HOUR ? at : HOUR) / 3n;
    return {
      seq: BigInt(index * 900),
      hostNs: at,
      utcNs: at,
      kind: index === 0 ? ('open' as const) : ('cut' as const),
      reason: index === 0 ? ('open' as const) : ('quarter-hour' as const),
      state: at < HOUR ? 'running' : 'paused',
      values: [cpu, 65_536n * at],
    };
  });
  return value(foldCuts(incarnation, cuts));
}

function ratedPeriod(of: readonly UsageRecord[] = records()) {
  const plan = testPlan('plan-small-1', [
    testPrice('cpu.ns', 600_000_000_000n, HOUR, {
      description: '=SUM(A1), "cpu"',
      includedQuantity: HOUR / 6n,
    }),
    testPrice('memory.frame_ns', 70_000_000_000n, 65_536n * HOUR, { description: 'memory' }),
  ]);
  const assignments = [
    { resourceId: 'dom_1', capScopeId: 'dom_1', planVersionId: 'plan-small-1', fromNs: 0n, toNs: null },
  ];
  const period = { fromNs: 0n, toNs: 720n * HOUR };
  return value(rate({ period, currency: 'EUR', planVersions: [plan], assignments, fees: [], records: of }));
}

function draft(rated = ratedPeriod()) {
  return draftInvoice({
    invoiceId: 'inv_1',
    issuerId: 'iss_1',
    tenantId: 'ten_1',
    periodLabel: '1970-01',
    zone: 'UTC',
    rated,
    taxGroups: TAXES,
  });
}

describe('invoice', () => {
  test('B5: the invoice total is the last payable figure of the running bill', () => {
    const { content, payable } = value(draft());
    const bill = value(runningBill(ratedPeriod(), TAXES));
    expect(payable.totalMinor).toBe(bill.payable.totalMinor);
    // CPU: (1/3 - 1/6) h at 0.60 = 0.10; memory: 2 h at 0.07 = 0.14; 19 % of 0.24 = 0.0456.
    expect([content.net, content.tax, content.total, content.total_minor]).toEqual([
      '0.24',
      '0.05',
      '0.29',
      '29',
    ]);
    expect(content.lines.map((line) => line.amount)).toEqual(['0.10', '0.14']);
  });

  test('B4: each line derives down to cuts, and recomputing it from its text gives its charge', () => {
    for (const line of value(draft()).content.lines) {
      const derivation = line.derivation;
      if (derivation === null) throw new Error('no derivation');
      const quantity = derivation.spans.reduce((sum, span) => sum + BigInt(span.quantity), 0n);
      expect(quantity.toString()).toBe(derivation.quantity);
      const included = BigInt(derivation.included_quantity);
      const charge =
        ((quantity - included) * BigInt(derivation.amount_pico)) / BigInt(derivation.per_quantity);
      expect(charge.toString()).toBe(line.charge_pico);
    }
    const spans = value(draft()).content.lines[1]?.derivation?.spans ?? [];
    expect(spans.map((span) => [span.state, span.from, span.to, span.from_seq, span.to_seq])).toEqual([
      ['running', '1970-01-01T00:00:00Z', '1970-01-01T01:00:00Z', '0', '3600'],
      ['paused', '1970-01-01T01:00:00Z', '1970-01-01T02:00:00Z', '3600', '7200'],
    ]);
  });

  test('B4: the content is the same text whatever the order of records', () => {
    const straight = canonicalJson(value(draft()).content);
    expect(canonicalJson(value(draft(ratedPeriod([...records()].reverse()))).content)).toBe(straight);
    expect(straight).not.toMatch(/":-?\d/);
  });

  test('D3: a period that still rests on an inner reading is not invoiced', () => {
    const [first, ...rest] = records();
    const open = draft(ratedPeriod([{ ...(first as UsageRecord), provisional: true }, ...rest]));
    expect(open.ok ? 'drafted' : open.error.code).toBe('usage_invalid');
  });

  test('E4: the CSV lists every line, its amounts add up to net, and no text runs as a formula', () => {
    const rows = invoiceCsv(value(draft()).content).split('\r\n');
    expect(rows).toHaveLength(1 + 2 + 3 + 1);
    expect(rows[1]).toContain(`"'=SUM(A1), ""cpu"""`);
    const amounts = rows.slice(1, 3).map((row) => parsePico(row.split(',').at(-2) ?? '') ?? 0n);
    expect(amounts[0]! + amounts[1]!).toBe(parsePico('0.24'));
    expect(rows[5]).toBe(`total${','.repeat(13)}0.29,EUR`);
  });

  test('canonical JSON orders keys, leaves out what is absent and refuses numbers', () => {
    expect(canonicalJson({ b: ['x', null, true], a: { d: 'é"', c: undefined } })).toBe(
      '{"a":{"d":"é\\""},"b":["x",null,true]}',
    );
    expect(() => canonicalJson({ a: 1 as unknown as string })).toThrow('canonical JSON holds no number');
  });
});

describe('books of an invoice', () => {
  const posting = { tenantId: 'ten_1', currency: 'EUR', effectiveNs: 0n };

  test('D2: accrue, issue and pay leave every interim account empty and the sum at zero', () => {
    const { payable, accruedPico } = value(draft());
    const netPico = minorToPico(payable.netMinor, 'EUR');
    const taxPico = minorToPico(payable.taxMinor, 'EUR');
    const half = accruedPico / 2n;
    const books = [
      value(accrueUsage({ ...posting, cause: 'accrue:1', accruedBeforePico: 0n, ratedPico: half })),
      value(accrueUsage({ ...posting, cause: 'accrue:2', accruedBeforePico: half, ratedPico: accruedPico })),
      value(issueInvoice({ ...posting, cause: 'invoice:inv_1:issue', netPico, taxPico, accruedPico })),
      value(receivePayment({ ...posting, cause: 'payment:1', amountPico: netPico + taxPico })),
    ];
    const balance = (account: Parameters<typeof balanceOf>[1]) => balanceOf(books, account, 'ten_1', 'EUR');
    expect([balance('unbilled'), balance('receivable')]).toEqual([0n, 0n]);
    expect([balance('cash'), balance('tax'), balance('revenue')]).toEqual([
      netPico + taxPico,
      -taxPico,
      -accruedPico,
    ]);
    expect(balance('rounding')).toBe(accruedPico - netPico);
    expect(ledgerBalances(books).reduce((sum, each) => sum + each.amountPico, 0n)).toBe(0n);
  });
});
