import { describe, expect, test } from '@jest/globals';
import { prng, testSeed } from '../base/prng.fixture.js';
import type { Budget, BudgetState } from './evaluate-budget.js';
import { effectiveCapPico, evaluateBudget } from './evaluate-budget.js';

const SEED = testSeed(process.env['XENORACK_TEST_SEED'], 81n);
const budget: Budget = {
  budgetId: 'b1',
  amountPico: 1_001n,
  policy: 'pause',
  thresholds: [
    { thresholdId: 'half', basis: 'spent', level: { kind: 'percent', percent: 50n } },
    { thresholdId: 'nine', basis: 'spent', level: { kind: 'absolute', amountPico: 900n } },
    { thresholdId: 'ahead', basis: 'forecast', level: { kind: 'percent', percent: 100n } },
  ],
};

function run(spends: readonly (readonly [spent: bigint, forecast?: bigint, period?: bigint])[]): string[][] {
  let state: BudgetState | null = null;
  return spends.map(([spentPico, forecastPico, periodFromNs = 0n]) => {
    const evaluated = evaluateBudget(budget, state, { spentPico, forecastPico, periodFromNs });
    state = evaluated.state;
    return evaluated.crossings.map((each) =>
      each.kind === 'threshold' ? each.threshold.thresholdId : each.policy,
    );
  });
}

describe('budgets', () => {
  test('C2: a threshold fires once, in the evaluation that reaches it; percentages are exact', () => {
    // Half of 1001 is 500.5: 500 is below it.
    expect(run([[500n], [501n], [501n], [899n], [900n], [1_000n], [1_001n], [5_000n]])).toEqual([
      [],
      ['half'],
      [],
      [],
      ['nine'],
      [],
      ['pause'],
      [],
    ]);
  });

  test('C2: one jump over everything fires everything once', () => {
    expect(
      run([
        [2_000n, 2_000n],
        [2_000n, 2_000n],
      ]),
    ).toEqual([['half', 'nine', 'ahead', 'pause'], []]);
  });

  test('C2: spend that fell below a threshold arms it again; a forecast fires once a period', () => {
    expect(
      run([
        [600n, 1_001n],
        [400n, 10n],
        [600n, 1_001n],
      ]),
    ).toEqual([['half', 'ahead'], [], ['half']]);
  });

  test('C2: a new period starts afresh', () => {
    expect(run([[600n], [600n, undefined, 7n]])).toEqual([['half'], ['half']]);
  });

  test(`C2: spend that only rises fires each threshold at most once (seed ${SEED})`, () => {
    const random = prng(SEED);
    for (let times = 0; times < 300; times += 1) {
      let spent = 0n;
      const fired = run(Array.from({ length: 30 }, () => [(spent += random.below(120n))] as const)).flat();
      expect(new Set(fired).size).toBe(fired.length);
    }
  });

  test('C2: the effective cap is the tightest bound', () => {
    expect(effectiveCapPico({})).toBeNull();
    expect(effectiveCapPico({ stopBudgetPico: 50n, creditLimitPico: 40n })).toBe(40n);
    expect(effectiveCapPico({ stopBudgetPico: 50n, walletPico: 30n, walletFloorPico: -5n })).toBe(35n);
  });
});
