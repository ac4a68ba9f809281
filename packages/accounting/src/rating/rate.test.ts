import { describe, expect, test } from '@jest/globals';
import { addRatio, equalRatio, normaliseRatio, ratio } from '../base/ratio.js';
import type { Ratio } from '../base/ratio.js';
import { testPlan, testPrice } from '../catalog/plan.fixture.js';
import type { PlanVersion } from '../catalog/plan.js';
import type { Assignment } from './assignment.js';
import type { RatedPeriod } from './charge-line.js';
import { rate } from './rate.js';
import type { FixedFee, RatingTerms } from './rate.js';
import { assigned, record } from './usage.fixture.js';
import type { Use } from './usage.fixture.js';

const HOUR = 3_600_000_000_000n;
const PERIOD = { fromNs: 0n, toNs: 1_000n };

function rated(input: {
  plans: readonly PlanVersion[];
  uses: readonly Use[];
  assignments?: readonly Assignment[];
  fees?: readonly FixedFee[];
}): RatedPeriod {
  const result = rate({
    period: PERIOD,
    currency: 'EUR',
    planVersions: input.plans,
    assignments: input.assignments ?? [assigned('d1', 'v1')],
    fees: input.fees ?? [],
    records: input.uses.map((use, index) => record(use, BigInt(index))),
  });
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

const hourly = testPrice('cpu.ns', 6_000_000_000n, HOUR);
const hourlyAfterOne = testPrice('cpu.ns', 6_000_000_000n, HOUR, { includedQuantity: HOUR });
const memoryByState = [
  testPrice('memory.frame_ns', 10n, 1n, { item: 'memory-running', states: ['running'] }),
  testPrice('memory.frame_ns', 4n, 1n, { item: 'memory-paused', states: ['paused'] }),
];
const space = testPrice('disk.space.byte_ns', 100_000_000n, 2n ** 30n * HOUR);
const cappedCpu = testPrice('cpu.ns', 5n, 1n, { capGroup: 'compute' });
const cappedMemory = testPrice('memory.frame_ns', 2n, 1n, { capGroup: 'compute' });
const network = testPrice('net.public.tx.bytes', 7n, 3n);
const compute = (monthlyCapPico: bigint) => [{ group: 'compute', monthlyCapPico }];

interface Case {
  readonly title: string;
  readonly plans: readonly PlanVersion[];
  readonly uses: readonly Use[];
  readonly assignments?: readonly Assignment[];
  readonly fees?: readonly FixedFee[];
  readonly pico: Ratio;
}

const one = (prices: Parameters<typeof testPlan>[1], caps?: Parameters<typeof testPlan>[2]) => [
  testPlan('v1', prices, caps),
];

/** Worked by hand; amounts in pico of a euro. */
const CASES: readonly Case[] = [
  { title: 'no use costs nothing', plans: one([hourly]), uses: [], pico: ratio(0n) },
  {
    title: 'an hour at 0.006 is 0.006',
    plans: one([hourly]),
    uses: [['d1', 'cpu.ns', 'running', HOUR]],
    pico: ratio(6_000_000_000n),
  },
  {
    title: 'one ns of it is 1/600 pico, not 0',
    plans: one([hourly]),
    uses: [['d1', 'cpu.ns', 'running', 1n]],
    pico: ratio(1n, 600n),
  },
  {
    title: 'two halves of an hour are an hour',
    plans: one([hourly]),
    uses: [
      ['d1', 'cpu.ns', 'running', HOUR / 2n],
      ['d1', 'cpu.ns', 'running', HOUR / 2n, 500n],
    ],
    pico: ratio(6_000_000_000n),
  },
  {
    title: 'use inside the allowance is free',
    plans: one([hourlyAfterOne]),
    uses: [['d1', 'cpu.ns', 'running', HOUR / 2n]],
    pico: ratio(0n),
  },
  {
    title: 'use that ends exactly at the allowance is free',
    plans: one([hourlyAfterOne]),
    uses: [['d1', 'cpu.ns', 'running', HOUR]],
    pico: ratio(0n),
  },
  {
    title: 'the first ns past the allowance costs its price',
    plans: one([hourlyAfterOne]),
    uses: [['d1', 'cpu.ns', 'running', HOUR + 1n]],
    pico: ratio(1n, 600n),
  },
  {
    title: 'three hours with one included cost two',
    plans: one([hourlyAfterOne]),
    uses: [['d1', 'cpu.ns', 'running', 3n * HOUR]],
    pico: ratio(12_000_000_000n),
  },
  {
    title: 'the allowance is per resource: two domains have two',
    plans: one([hourlyAfterOne]),
    assignments: [assigned('d1', 'v1'), assigned('d2', 'v1')],
    uses: [
      ['d1', 'cpu.ns', 'running', HOUR],
      ['d2', 'cpu.ns', 'running', HOUR],
    ],
    pico: ratio(0n),
  },
  {
    title: 'each state has its price: 3 x 10 running + 5 x 4 paused',
    plans: one(memoryByState),
    uses: [
      ['d1', 'memory.frame_ns', 'running', 3n],
      ['d1', 'memory.frame_ns', 'paused', 5n],
    ],
    pico: ratio(50n),
  },
  {
    title: 'B3: memory of a suspended domain is not charged',
    plans: one([testPrice('memory.frame_ns', 10n, 1n)]),
    uses: [['d1', 'memory.frame_ns', 'suspended', 5n]],
    pico: ratio(0n),
  },
  {
    title: 'B3: cpu is not charged in a paused domain, even at a price for any state',
    plans: one([testPrice('cpu.ns', 10n, 1n)]),
    uses: [['d1', 'cpu.ns', 'paused', 5n]],
    pico: ratio(0n),
  },
  {
    title: 'B3: a copy that migrates in is the provider’s until the commit',
    plans: one([space, hourly]),
    uses: [
      ['d1', 'cpu.ns', 'migrating', HOUR],
      ['d1', 'disk.space.byte_ns', 'migrating', HOUR],
    ],
    pico: ratio(0n),
  },
  {
    title: 'B3: disk space of a halted domain is charged: 4 GiB for 2 h at 0.0001',
    plans: one([space]),
    uses: [['d1', 'disk.space.byte_ns', 'halted', 2n ** 32n * 2n * HOUR]],
    pico: ratio(800_000_000n),
  },
  {
    title: 'a meter without a price costs nothing',
    plans: one([hourly]),
    uses: [['d1', 'net.rx.packets', 'running', 99n]],
    pico: ratio(0n),
  },
  {
    title: 'two prices on one meter add up',
    plans: one([hourly, testPrice('cpu.ns', 1n, 3n, { item: 'licence' })]),
    uses: [['d1', 'cpu.ns', 'running', HOUR]],
    pico: ratio(6_000_000_000n + HOUR / 3n),
  },
  {
    title: '100 bytes at 7 for 3 are 700/3',
    plans: one([network]),
    uses: [['d1', 'net.public.tx.bytes', 'running', 100n]],
    pico: ratio(700n, 3n),
  },
  {
    title: 'below the cap the sum counts: 10 x 5 + 20 x 2',
    plans: one([cappedCpu, cappedMemory], compute(91n)),
    uses: [
      ['d1', 'cpu.ns', 'running', 10n],
      ['d1', 'memory.frame_ns', 'running', 20n],
    ],
    pico: ratio(90n),
  },
  {
    title: 'above the cap the cap counts, and what is not in the group comes on top',
    plans: one([cappedCpu, cappedMemory, network], compute(89n)),
    uses: [
      ['d1', 'cpu.ns', 'running', 10n],
      ['d1', 'memory.frame_ns', 'running', 20n],
      ['d1', 'net.public.tx.bytes', 'running', 3n],
    ],
    pico: ratio(96n),
  },
  {
    title: 'a domain and its volume share the cap of the domain',
    plans: one([cappedCpu, testPrice('disk.write.ops', 10n, 1n, { capGroup: 'compute' })], compute(60n)),
    assignments: [assigned('d1', 'v1'), assigned('vol1', 'v1', 0n, null, 'd1')],
    uses: [
      ['d1', 'cpu.ns', 'running', 10n],
      ['vol1', 'disk.write.ops', 'running', 4n],
    ],
    pico: ratio(60n),
  },
  {
    title: 'two domains have two caps',
    plans: one([cappedCpu], compute(60n)),
    assignments: [assigned('d1', 'v1'), assigned('d2', 'v1')],
    uses: [
      ['d1', 'cpu.ns', 'running', 100n],
      ['d2', 'cpu.ns', 'running', 100n],
    ],
    pico: ratio(120n),
  },
  {
    title: 'B1: a change of price at an instant splits the charge there: 4 x 5 + 6 x 3',
    plans: [testPlan('v1', [testPrice('cpu.ns', 5n, 1n)]), testPlan('v2', [testPrice('cpu.ns', 3n, 1n)])],
    assignments: [assigned('d1', 'v1', 0n, 400n), assigned('d1', 'v2', 400n)],
    uses: [
      ['d1', 'cpu.ns', 'running', 4n, 0n, 400n],
      ['d1', 'cpu.ns', 'running', 6n, 400n, 1_000n],
    ],
    pico: ratio(38n),
  },
  {
    title:
      'B2: a change of plan gives no second allowance; the dearest use takes it first: (4 - 0) x 3 + (10 - 7) x 5',
    plans: [
      testPlan('v1', [testPrice('cpu.ns', 3n, 1n, { includedQuantity: 7n })]),
      testPlan('v2', [testPrice('cpu.ns', 5n, 1n, { includedQuantity: 7n })]),
    ],
    assignments: [assigned('d1', 'v1', 0n, 400n), assigned('d1', 'v2', 400n)],
    uses: [
      ['d1', 'cpu.ns', 'running', 4n, 0n, 400n],
      ['d1', 'cpu.ns', 'running', 10n, 400n, 1_000n],
    ],
    pico: ratio(27n),
  },
  {
    title: 'B2: after a resize the dearest plan’s cap holds for the whole period',
    plans: [testPlan('v1', [cappedCpu], compute(60n)), testPlan('v2', [cappedCpu], compute(80n))],
    assignments: [assigned('d1', 'v2', 0n, 400n), assigned('d1', 'v1', 400n)],
    uses: [
      ['d1', 'cpu.ns', 'running', 10n, 0n, 400n],
      ['d1', 'cpu.ns', 'running', 10n, 400n, 1_000n],
    ],
    pico: ratio(80n),
  },
  {
    title: 'A3: a span without a cut over a change of price costs the lower version',
    plans: [testPlan('v1', [testPrice('cpu.ns', 5n, 1n)]), testPlan('v2', [testPrice('cpu.ns', 3n, 1n)])],
    assignments: [assigned('d1', 'v1', 0n, 400n), assigned('d1', 'v2', 400n)],
    uses: [['d1', 'cpu.ns', 'running', 10n, 300n, 500n]],
    pico: ratio(30n),
  },
  {
    title: 'A3: the lower version is found by the whole bill: an open allowance beats a lower price',
    plans: [
      testPlan('v1', [testPrice('cpu.ns', 5n, 1n, { includedQuantity: 10n })]),
      testPlan('v2', [testPrice('cpu.ns', 3n, 1n)]),
    ],
    assignments: [assigned('d1', 'v1', 0n, 400n), assigned('d1', 'v2', 400n)],
    uses: [['d1', 'cpu.ns', 'running', 10n, 300n, 500n]],
    pico: ratio(0n),
  },
  {
    title: 'a fixed fee is owed once',
    plans: one([hourly]),
    uses: [],
    fees: [
      { feeId: 'setup', resourceId: 'd1', description: 'Setup', amountPico: 123n, taxGroup: 'standard' },
    ],
    pico: ratio(123n),
  },
];

describe('B: hand-worked prices', () => {
  test.each(CASES)('B1: $title', (row) => {
    const found = rated(row);
    expect(normaliseRatio(found.totalPico)).toEqual(normaliseRatio(row.pico));
    const sum = found.lines.reduce((total, line) => addRatio(total, line.chargePico), ratio(0n));
    expect(equalRatio(sum, row.pico)).toBe(true);
  });
});

describe('the rater', () => {
  test('B4: a line explains itself: quantity, allowance, price, cap and the records behind it', () => {
    const price = testPrice('cpu.ns', 5n, 1n, { capGroup: 'compute', includedQuantity: 2n });
    const found = rated({
      plans: one([price, cappedMemory], compute(30n)),
      uses: [
        ['d1', 'cpu.ns', 'running', 10n],
        ['d1', 'memory.frame_ns', 'running', 10n],
      ],
    });
    const line = found.lines[0];
    if (line?.kind !== 'usage') throw new Error('no usage line');
    expect(line).toMatchObject({
      quantity: 10n,
      includedQuantity: 2n,
      billableQuantity: 8n,
      amountPico: 5n,
      perQuantity: 1n,
    });
    expect(line.cap).toMatchObject({ group: 'compute', capScopeId: 'd1', capPico: 30n, reached: true });
    expect(equalRatio(line.grossPico, ratio(40n))).toBe(true);
    expect(equalRatio(line.chargePico, ratio(20n))).toBe(true);
    expect(line.sources.map((source) => [source.fromSeq, source.toSeq, source.quantity])).toEqual([
      [0n, 1n, 10n],
    ]);
  });

  test('A3: records outside the period are left to their own, a record that crosses its end counts whole', () => {
    const plans = one([testPrice('cpu.ns', 1n, 1n)]);
    const uses: Use[] = [
      ['d1', 'cpu.ns', 'running', 100n, -1n, 5n],
      ['d1', 'cpu.ns', 'running', 7n, 999n, 1_500n],
      ['d1', 'cpu.ns', 'running', 100n, 1_000n, 1_500n],
    ];
    expect(equalRatio(rated({ plans, uses }).totalPico, ratio(7n))).toBe(true);
  });

  test('B1: usage that no plan covers is billed to nobody and shown', () => {
    const assignments = [assigned('d1', 'v1', 0n, 100n)];
    const found = rated({
      plans: one([hourly]),
      assignments,
      uses: [
        ['d1', 'cpu.ns', 'running', 5n, 200n],
        ['d9', 'cpu.ns', 'running', 6n],
      ],
    });
    expect(found.totalPico.num).toBe(0n);
    expect(found.unassigned.map((each) => each.quantity)).toEqual([5n, 6n]);
  });

  test('B1: overlapping assignments, missing versions, foreign currencies and unknown states are named', () => {
    const terms = (assignments: readonly Assignment[], plans: readonly PlanVersion[]): RatingTerms => ({
      period: PERIOD,
      currency: 'EUR',
      planVersions: plans,
      assignments,
      fees: [],
    });
    const codeOf = (t: RatingTerms, uses: readonly Use[] = []) => {
      const result = rate({ ...t, records: uses.map((use) => record(use)) });
      return result.ok ? 'rated' : result.error.code;
    };
    const plan = testPlan('v1', [hourly]);
    expect(codeOf(terms([assigned('d1', 'v1', 0n, 10n), assigned('d1', 'v1', 9n)], [plan]))).toBe(
      'assignment_overlap',
    );
    expect(codeOf(terms([assigned('d1', 'v1', 10n, 9n)], [plan]))).toBe('period_invalid');
    expect(codeOf(terms([assigned('d1', 'v2')], [plan]))).toBe('plan_version_missing');
    expect(codeOf(terms([assigned('d1', 'v1')], [{ ...plan, currency: 'USD' }]))).toBe('currency_mismatch');
    expect(codeOf(terms([assigned('d1', 'v1')], [plan]), [['d1', 'cpu.ns', 'sleeping', 1n]])).toBe(
      'usage_invalid',
    );
    expect(codeOf(terms([assigned('d1', 'v1')], [plan]), [['d1', 'cpu.ns', 'running', -1n]])).toBe(
      'usage_invalid',
    );
  });
});
