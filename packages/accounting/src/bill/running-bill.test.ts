import { describe, expect, test } from '@jest/globals';
import { prng, testSeed } from '../base/prng.fixture.js';
import { equalRatio, ratio } from '../base/ratio.js';
import type { Ratio } from '../base/ratio.js';
import { testPlan, testPrice } from '../catalog/plan.fixture.js';
import type { RatingTerms } from '../rating/rate.js';
import { rateTotals } from '../rating/rate.js';
import { NO_USAGE, hypotheticalTotal } from '../rating/total-usage.js';
import type { UsageTotals } from '../rating/total-usage.js';
import { burnRatePerHour, forecastPico } from './burn-rate.js';
import { estimate } from './estimate.js';
import { payable } from '../rating/payable.js';
import { accruedByResource, runningBill } from './running-bill.js';

const SEED = testSeed(process.env['XENORACK_TEST_SEED'], 61n);
const HOUR = 3_600_000_000_000n;
const TAXES = [
  { taxGroupId: 'standard', name: 'VAT 19 %', ratePpm: 190_000n },
  { taxGroupId: 'exempt', name: 'Exempt', ratePpm: 0n },
];

function value<T>(
  result:
    | { readonly ok: true; readonly value: T }
    | { readonly ok: false; readonly error: { readonly message: string } },
): T {
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

function cpu(quantity: bigint): UsageTotals {
  const total = { resourceId: 'd1', planVersionId: 'v1', meter: 'cpu.ns', state: 'running', quantity };
  return { ...NO_USAGE, totals: [hypotheticalTotal(total)] };
}

function terms(
  plan = testPlan('v1', [testPrice('cpu.ns', 6_000_000_000n, HOUR, { includedQuantity: HOUR })]),
): RatingTerms {
  const assignments = [{ resourceId: 'd1', capScopeId: 'd1', planVersionId: 'v1', fromNs: 0n, toNs: null }];
  return {
    period: { fromNs: 0n, toNs: 100n * HOUR },
    currency: 'EUR',
    planVersions: [plan],
    assignments,
    fees: [],
  };
}

describe('payable', () => {
  const line = (lineId: string, chargePico: Ratio, taxGroup = 'standard') => ({
    lineId,
    taxGroup,
    chargePico,
  });

  test('B5: a group is rounded once and its lines add up to it; tax comes once per group on the rounded net', () => {
    const third = ratio(10n ** 12n, 300n);
    const owed = value(
      payable({
        currency: 'EUR',
        lines: [
          line('c', third),
          line('a', third),
          line('b', third),
          line('x', ratio(5_000_000_000n), 'exempt'),
        ],
        taxGroups: TAXES,
      }),
    );
    // 3 x 0.333... cents are one cent: the first line by id gets it. 0.5 cents round to the even 0.
    expect([...owed.netMinorByLine]).toEqual([
      ['x', 0n],
      ['c', 0n],
      ['a', 1n],
      ['b', 0n],
    ]);
    expect([owed.netMinor, owed.taxMinor, owed.totalMinor]).toEqual([1n, 0n, 1n]);
    expect(owed.groups.map((group) => [group.taxGroupId, group.netMinor])).toEqual([
      ['exempt', 0n],
      ['standard', 1n],
    ]);
    expect(equalRatio(owed.groups[0]?.roundingPico ?? ratio(0n), ratio(-5_000_000_000n))).toBe(true);
  });

  test('B5: 19 % of 1.50 is 0.285, half-even 0.28', () => {
    const owed = value(
      payable({ currency: 'EUR', lines: [line('a', ratio(1_500_000_000_000n))], taxGroups: TAXES }),
    );
    expect([owed.netMinor, owed.taxMinor, owed.totalMinor]).toEqual([150n, 28n, 178n]);
  });

  test('B5: a tax group nobody gave is an error, no lines are zero', () => {
    const missing = payable({ currency: 'EUR', lines: [line('a', ratio(1n), 'nowhere')], taxGroups: TAXES });
    expect(missing.ok ? 'ok' : missing.error.code).toBe('tax_group_missing');
    expect(value(payable({ currency: 'EUR', lines: [], taxGroups: [] })).totalMinor).toBe(0n);
  });

  test(`B5: for random lines in EUR, JPY and KWD the total is the sum of displayed lines plus tax (seed ${SEED})`, () => {
    const random = prng(SEED);
    for (let run = 0; run < 500; run += 1) {
      const lines = Array.from({ length: Number(random.below(20n)) }, (_, index) =>
        line(
          `l${index}`,
          ratio(random.below(10n ** 14n), 1n + random.below(1_000n)),
          random.pick(['standard', 'exempt']),
        ),
      );
      const input = { currency: random.pick(['EUR', 'JPY', 'KWD']), lines, taxGroups: TAXES };
      const owed = value(payable(input));
      const sum = [...owed.netMinorByLine.values()].reduce((total, each) => total + each, 0n);
      expect(owed.netMinor).toBe(sum);
      expect(owed.totalMinor).toBe(sum + owed.taxMinor);
      const shuffled = value(payable({ ...input, lines: random.shuffle(lines) }));
      expect(new Map(shuffled.netMinorByLine)).toEqual(new Map(owed.netMinorByLine));
    }
  });
});

describe('running bill', () => {
  test('B5: accrued is exact and floored to a pico, payable is what an invoice would say', () => {
    const rated = value(rateTotals(terms(), cpu(2n * HOUR + 1n)));
    const bill = value(runningBill(rated, TAXES));
    expect(equalRatio(bill.accrued, ratio(3_600_000_000_001n, 600n))).toBe(true);
    expect(bill.accruedPico).toBe(6_000_000_000n);
    expect(bill.payable.netMinor).toBe(1n);
    expect(bill.lines.map((line) => [line.accruedPico, line.payableMinor])).toEqual([[6_000_000_000n, 1n]]);
    expect(equalRatio(accruedByResource(rated).get('d1') ?? ratio(0n), bill.accrued)).toBe(true);
  });

  test('B4: the burn counts allowances, the list burn does not', () => {
    const trend = {
      usage: [
        { resourceId: 'd1', planVersionId: 'v1', meter: 'cpu.ns', state: 'running', quantity: HOUR / 60n },
      ],
      elapsedNs: HOUR / 30n,
    };
    const inside = value(burnRatePerHour(terms(), NO_USAGE, trend));
    expect([inside.netPerHourPico.num, equalRatio(inside.listPerHourPico, ratio(3_000_000_000n))]).toEqual([
      0n,
      true,
    ]);
    const beyond = value(burnRatePerHour(terms(), cpu(HOUR), trend));
    expect(equalRatio(beyond.netPerHourPico, ratio(3_000_000_000n))).toBe(true);
  });

  test('B4: the forecast is the same rater on usage so far plus the trend over what remains', () => {
    const trend = {
      usage: [{ resourceId: 'd1', planVersionId: 'v1', meter: 'cpu.ns', state: 'running', quantity: HOUR }],
      elapsedNs: 2n * HOUR,
    };
    const forecast = value(forecastPico(terms(), cpu(10n * HOUR), trend, 20n * HOUR));
    // 10 h so far + half of the 80 h left - 1 h included = 49 h at 0.006.
    expect(equalRatio(forecast, ratio(49n * 6_000_000_000n))).toBe(true);
    const over = value(forecastPico(terms(), cpu(10n * HOUR), trend, 200n * HOUR));
    expect(equalRatio(over, ratio(9n * 6_000_000_000n))).toBe(true);
  });
});

describe('estimate', () => {
  const plan = testPlan(
    'v1',
    [
      testPrice('state.running.ns', 4_000_000_000n, HOUR, { item: 'base', capGroup: 'compute' }),
      testPrice('cpu.ns', 6_000_000_000n, HOUR, { capGroup: 'compute' }),
      testPrice('memory.frame_ns', 1_000_000_000n, 65_536n * HOUR, { item: 'memory' }),
      testPrice('disk.space.byte_ns', 100_000_000n, 2n ** 30n * HOUR, { item: 'space' }),
      testPrice('net.public.tx.bytes', 5n, 1n, { item: 'traffic' }),
    ],
    [{ group: 'compute', monthlyCapPico: 5_000_000_000_000n }],
  );
  const config = { vcpus: 2n, capPercent: 150n, memoryFrames: 131_072n, volumeBytes: [2n ** 30n, 2n ** 31n] };

  test('B4: hourly and monthly maximum per line, caps and allowances in the month, the landing reserve beside it', () => {
    const found = value(estimate(plan, config));
    const hourly = Object.fromEntries(found.lines.map((line) => [line.item, line.hourlyMaximumPico]));
    expect(equalRatio(hourly['base'] ?? ratio(0n), ratio(4_000_000_000n))).toBe(true);
    expect(equalRatio(hourly['cpu.ns'] ?? ratio(0n), ratio(9_000_000_000n))).toBe(true);
    expect(equalRatio(hourly['memory'] ?? ratio(0n), ratio(2_000_000_000n))).toBe(true);
    expect(equalRatio(hourly['space'] ?? ratio(0n), ratio(300_000_000n))).toBe(true);
    expect(hourly['traffic']).toBeNull();
    expect(equalRatio(found.hourlyMaximumPico, ratio(15_300_000_000n))).toBe(true);
    // 730 h: compute is capped at 5; memory and space come to 730 x 0.0023.
    expect(equalRatio(found.monthlyMaximumPico, ratio(5_000_000_000_000n + 730n * 2_300_000_000n))).toBe(
      true,
    );
    // 10 minutes of paused memory and an hour of disks.
    expect(found.landingReservePico).toBe(2_000_000_000n / 6n + 300_000_000n + 1n);
  });

  test('B4: a cap above the vcpus bounds nothing, and a rate limit bounds a meter', () => {
    const found = value(
      estimate(plan, { ...config, vcpus: 1n, ratesPerSecond: { 'net.public.tx.bytes': 10n } }),
    );
    const hourly = Object.fromEntries(found.lines.map((line) => [line.item, line.hourlyMaximumPico]));
    expect(equalRatio(hourly['cpu.ns'] ?? ratio(0n), ratio(6_000_000_000n))).toBe(true);
    expect(equalRatio(hourly['traffic'] ?? ratio(0n), ratio(180_000n))).toBe(true);
  });
});
