import { expect, test } from '@jest/globals';
import { Prng } from '../base/prng.js';
import { Clock } from './clock.js';
import { type Timer, Timers } from './timers.js';

test('T4 timers fire in the order of due time and creation, through random setting and cancelling (seed 9)', () => {
  const prng = new Prng(9);
  const clock = new Clock();
  const timers = new Timers(clock);
  const fired: number[] = [];
  const all: Timer[] = Array.from({ length: 200 }, (_, i) => timers.create(() => fired.push(i)));
  const due = new Map<number, bigint>();
  for (let step = 0; step < 3000; step += 1) {
    const i = prng.below(200);
    if (prng.below(3) === 0) {
      timers.cancel(all[i] as Timer);
      due.delete(i);
    } else {
      const at = clock.nowNs + BigInt(prng.below(50));
      timers.set(all[i] as Timer, at);
      due.set(i, at);
    }
    if (prng.below(10) > 0) continue;
    clock.advance(clock.nowNs + BigInt(prng.below(20)));
    const expected = [...due]
      .filter(([, at]) => at <= clock.nowNs)
      .sort((a, b) => Number(a[1] - b[1]) || a[0] - b[0]);
    fired.length = 0;
    timers.fireDue();
    expect(fired).toEqual(expected.map(([index]) => index));
    for (const [index] of expected) due.delete(index);
  }
});
