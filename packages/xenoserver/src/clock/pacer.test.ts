import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CATCH_UP_NS, Pacer, STEP_NS } from './pacer.js';

/** A machine whose clock moves only when told, and by `costNs` for every step it runs. */
function machine(costNs: bigint) {
  const state = { nowNs: 5_000n, hostNs: 0n, ranNs: 0n, lostNs: 0n, turns: 0 };
  const pacer = new Pacer({
    clock: { monotonicNs: () => state.nowNs, utcNs: () => 0n },
    advance: (untilNs, lost) => {
      if (lost) state.lostNs += untilNs - state.hostNs;
      else state.ranNs += untilNs - state.hostNs;
      state.hostNs = untilNs;
      if (!lost) state.nowNs += costNs;
    },
    isIdle: () => false,
    afterTurn: () => (state.turns += 1),
  });
  const settle = (): void => {
    while (pacer.turn());
  };
  return { state, pacer, settle };
}

describe('Pacer', () => {
  test('host time follows the monotonic clock and is never ahead of it', () => {
    const { state, pacer, settle } = machine(0n);
    const passes = fc.array(fc.bigInt(0n, CATCH_UP_NS - STEP_NS), { maxLength: 50 });
    fc.assert(
      fc.property(passes, (list) => {
        for (const passNs of list) {
          state.nowNs += passNs;
          settle();
          expect(pacer.dueNs() - state.hostNs).toBeLessThan(STEP_NS);
          expect(state.hostNs).toBeLessThanOrEqual(pacer.dueNs());
        }
        expect(state.lostNs).toBe(0n);
      }),
    );
  });

  test('a stall within the catch-up bound loses nothing; beyond it exactly the excess is lost', () => {
    const { state, settle } = machine(0n);
    state.nowNs += CATCH_UP_NS;
    settle();
    expect(state.lostNs).toBe(0n);
    expect(state.ranNs).toBe(CATCH_UP_NS);
    state.nowNs += CATCH_UP_NS + 7_000_000_000n;
    settle();
    expect(state.lostNs).toBe(7_000_000_000n);
    expect(state.ranNs).toBe(2n * CATCH_UP_NS);
  });

  test('a machine that needs twice the time loses half of it, and run plus lost is all of it', () => {
    const { state, pacer } = machine(2n * STEP_NS);
    state.nowNs += STEP_NS;
    for (let turn = 0; turn < 2_000; turn++) pacer.turn();
    const dueNs = pacer.dueNs();
    expect(state.ranNs + state.lostNs).toBe(state.hostNs);
    expect(dueNs - state.hostNs).toBeLessThanOrEqual(CATCH_UP_NS + 2n * STEP_NS);
    const lostShare = Number((state.lostNs * 1000n) / state.hostNs) / 1000;
    expect(lostShare).toBeGreaterThan(0.45);
    expect(lostShare).toBeLessThan(0.5);
  });

  test('a turn that has much to catch up lets the event loop in between', () => {
    const { state, settle } = machine(STEP_NS / 10n);
    state.nowNs += CATCH_UP_NS;
    settle();
    expect(state.turns).toBeGreaterThan(2);
  });
});
