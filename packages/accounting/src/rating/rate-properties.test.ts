import { describe, expect, test } from '@jest/globals';
import { prng, testSeed } from '../base/prng.fixture.js';
import type { Prng } from '../base/prng.fixture.js';
import { addRatio, normaliseRatio, ratio } from '../base/ratio.js';
import { METER_NAMES } from '../catalog/meter.js';
import { testPlan, testPrice } from '../catalog/plan.fixture.js';
import { POWER_STATES } from '../catalog/power-state.js';
import type { UsageRecord } from '../usage/usage-record.js';
import type { Assignment } from './assignment.js';
import { rate, rateTotals } from './rate.js';
import type { RatingTerms } from './rate.js';
import { compactTotals, mergeTotals, totalUsage } from './total-usage.js';
import { assigned, record } from './usage.fixture.js';

const SEED = testSeed(process.env['XENORACK_TEST_SEED'], 51n);
const PERIOD = { fromNs: 0n, toNs: 1_000n };
const compute = (monthlyCapPico: bigint) => [{ group: 'compute', monthlyCapPico }];

interface Life {
  readonly terms: RatingTerms;
  readonly records: readonly UsageRecord[];
}

function randomLife(random: Prng): Life {
  const plans = ['v1', 'v2', 'v3'].map((id) =>
    testPlan(
      id,
      METER_NAMES.filter(() => random.chance(40n)).map((meter) =>
        testPrice(meter, random.below(1_000n), 1n + random.below(50n), {
          includedQuantity: random.chance(50n) ? random.below(300n) : 0n,
          ...(random.chance(50n) ? { capGroup: 'compute' } : {}),
        }),
      ),
      compute(random.below(100_000n)),
    ),
  );
  const assignments: Assignment[] = [];
  const records: UsageRecord[] = [];
  for (const resourceId of ['d1', 'd2', 'vol1']) {
    const scope = resourceId === 'vol1' ? 'd1' : resourceId;
    const change = 100n * (1n + random.below(8n));
    assignments.push(assigned(resourceId, random.pick(plans).planVersionId, 0n, change, scope));
    assignments.push(assigned(resourceId, random.pick(plans).planVersionId, change, null, scope));
    for (let slot = 0n; slot < 10n; slot += 1n) {
      // Some cuts at the change are missed.
      const toNs = (slot + (random.chance(10n) ? 2n : 1n)) * 100n;
      const state = random.pick(POWER_STATES);
      for (const meter of METER_NAMES.filter(() => random.chance(30n))) {
        records.push(record([resourceId, meter, state, random.below(200n), slot * 100n, toNs], slot));
      }
    }
  }
  return { terms: { period: PERIOD, currency: 'EUR', planVersions: plans, assignments, fees: [] }, records };
}

function textOf(result: ReturnType<typeof rate>): string {
  if (!result.ok) throw new Error(result.error.message);
  const lines = result.value.lines.map((line) => ({
    ...line,
    chargePico: normaliseRatio(line.chargePico),
    grossPico: line.kind === 'usage' ? normaliseRatio(line.grossPico) : null,
    cap:
      line.kind === 'usage' && line.cap !== null
        ? { ...line.cap, groupGrossPico: normaliseRatio(line.cap.groupGrossPico) }
        : null,
    sources: null,
  }));
  return JSON.stringify(lines, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
}

describe(`properties of rating (seed ${SEED})`, () => {
  const RUNS = 150n;

  test('B1: any order of records gives the same lines', () => {
    for (let run = 0n; run < RUNS; run += 1n) {
      const random = prng(SEED * 104_729n + run);
      const { terms, records } = randomLife(random);
      const straight = textOf(rate({ ...terms, records }));
      expect(textOf(rate({ ...terms, records: random.shuffle(records) }))).toBe(straight);
    }
  });

  test('B1: records cut into parts, and totals kept in parts, give the same lines as the whole', () => {
    for (let run = 0n; run < RUNS; run += 1n) {
      const random = prng(SEED * 104_729n + run);
      const { terms, records } = randomLife(random);
      const whole = textOf(rate({ ...terms, records })).replaceAll(/"recordCount":\d+/g, '');
      const halves = records.flatMap((each) => {
        const first = random.below(each.quantity + 1n);
        return [
          { ...each, quantity: first },
          { ...each, quantity: each.quantity - first },
        ];
      });
      expect(textOf(rate({ ...terms, records: halves })).replaceAll(/"recordCount":\d+/g, '')).toBe(whole);
      const parts = [records.slice(0, 20), records.slice(20)].map((part) => {
        const totals = totalUsage({ ...terms, records: part });
        if (!totals.ok) throw new Error(totals.error.message);
        return totals.value;
      });
      const kept = textOf(rateTotals(terms, compactTotals(mergeTotals(...parts))));
      expect(kept.replaceAll(/"recordCount":\d+/g, '')).toBe(whole);
    }
  });

  test('C3: more use never costs less, and never more than its own price', () => {
    for (let run = 0n; run < RUNS * 4n; run += 1n) {
      const random = prng(SEED * 104_729n + run);
      const { terms, records } = randomLife(random);
      // The slope bound speaks of use that was cut; an undecided span may change sides.
      const cut = records.filter((each) => each.toNs - each.fromNs === 100n);
      const extra = random.pick(cut);
      const more = 1n + random.below(400n);
      const before = rate({ ...terms, records: cut });
      const after = rate({ ...terms, records: [...cut, { ...extra, quantity: more }] });
      if (!before.ok || !after.ok) throw new Error('not rated');
      const rise = addRatio(
        after.value.totalPico,
        ratio(-before.value.totalPico.num, before.value.totalPico.den),
      );
      const owner = terms.assignments.find(
        (each) =>
          each.resourceId === extra.resourceId &&
          each.fromNs <= extra.fromNs &&
          extra.fromNs < (each.toNs ?? 1_000n),
      );
      const plan = terms.planVersions.find((each) => each.planVersionId === owner?.planVersionId);
      const price = plan?.prices.find((each) => each.meter === extra.meter);
      const limit = ratio(more * (price?.model.amountPico ?? 0n), price?.model.perQuantity ?? 1n);
      expect(rise.num >= 0n).toBe(true);
      expect(rise.num * limit.den <= limit.num * rise.den).toBe(true);
    }
  });
});
