import { LIMITS } from '../limits.js';
import type { AllowanceSpec, AllowanceStep } from './allowance-spec.js';

/** The steps of an allowance in ascending order, written out when the short form was given. Never empty. */
export function ladderOf(spec: AllowanceSpec): AllowanceStep[] {
  if (spec.steps !== undefined) return [...spec.steps];
  const { balance, policy, warnAt } = spec;
  const ladder: AllowanceStep[] = [];
  if (warnAt !== undefined && warnAt < balance) ladder.push({ at: warnAt, act: 'warn' });
  if (policy === 'throttle') ladder.push({ at: balance, act: policy, capPercent: LIMITS.throttleCapPercent });
  else ladder.push({ at: balance, act: policy ?? 'warn' });
  return ladder;
}

/** What the steps reached so far ask for together: the strictest of them. `capPercent` 0 means no cap. */
export function demandOf(
  ladder: readonly AllowanceStep[],
  reached: number,
): { pause: boolean; capPercent: number } {
  let pause = false;
  let capPercent = 0;
  for (const step of ladder.slice(0, reached)) {
    if (step.act === 'pause') pause = true;
    if (step.act === 'throttle') capPercent = stricterCap(capPercent, step.capPercent);
  }
  return { pause, capPercent };
}

/** The lower of two caps, where 0 is none. */
export function stricterCap(a: number, b: number): number {
  if (a === 0 || b === 0) return a + b;
  return Math.min(a, b);
}
