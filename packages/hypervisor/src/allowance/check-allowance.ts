import { LIMITS } from '../limits.js';
import { isMeterOf } from '../meter/vector.js';
import type { AllowanceSpec, AllowanceStep } from './allowance-spec.js';

/** The first thing wrong with a specification, naming field, limit and value; null when it is sound. */
export function checkAllowance(spec: AllowanceSpec): string | null {
  if (spec.id.length === 0 || spec.id.length > 200) return `id: 1 to 200 characters, got ${spec.id.length}`;
  if (spec.balance < 0n) return `balance: at least 0, got ${spec.balance}`;
  return checkPolicy(spec) ?? checkWeights(spec) ?? checkRenewal(spec);
}

function checkPolicy(spec: AllowanceSpec): string | null {
  const { steps, policy, warnAt } = spec;
  if (steps === undefined) {
    const known = policy !== undefined && ['warn', 'throttle', 'pause'].includes(policy);
    return known ? null : `policy: warn, throttle or pause, got ${policy}`;
  }
  if (policy !== undefined || warnAt !== undefined) return 'steps: not together with policy or warnAt';
  if (steps.length < 1 || steps.length > LIMITS.allowanceStepsMax)
    return `steps: 1 to ${LIMITS.allowanceStepsMax}, got ${steps.length}`;
  for (const [i, step] of steps.entries()) {
    const fault = checkStep(step, steps[i - 1]);
    if (fault !== null) return `steps[${i}].${fault}`;
  }
  const last = (steps.at(-1) as AllowanceStep).at;
  return last === spec.balance ? null : `steps: the last is at the balance (${spec.balance}), got ${last}`;
}

function checkStep(step: AllowanceStep, previous: AllowanceStep | undefined): string | null {
  const { at, act } = step;
  if (typeof at !== 'bigint' || at < 0n) return `at: at least 0, got ${at}`;
  if (previous !== undefined && at <= previous.at) return `at: more than ${previous.at}, got ${at}`;
  if (previous?.act === 'pause') return 'act: nothing follows a pause';
  if (act === 'throttle') {
    const { capPercent } = step;
    const sound = Number.isInteger(capPercent) && capPercent >= 1 && capPercent <= 100;
    return sound ? null : `capPercent: 1 to 100, got ${capPercent}`;
  }
  return act === 'warn' || act === 'pause'
    ? null
    : `act: warn, throttle or pause, got ${String(act as unknown)}`;
}

function checkWeights(spec: AllowanceSpec): string | null {
  if (spec.weights.length > LIMITS.allowanceItemsMax) {
    return `weights: at most ${LIMITS.allowanceItemsMax}, got ${spec.weights.length}`;
  }
  const seen = new Set<string>();
  for (const w of spec.weights) {
    if (w.numerator < 0n) return `weights.numerator: at least 0, got ${w.numerator}`;
    if (w.denominator <= 0n) return `weights.denominator: at least 1, got ${w.denominator}`;
    if (w.free < 0n) return `weights.free: at least 0, got ${w.free}`;
    if (!isMeterOf('domain', w.meter) && !isMeterOf('volume', w.meter))
      return `weights.meter: unknown ${w.meter}`;
    const key = `${w.resourceId}|${w.meter}|${w.state}`;
    if (seen.has(key)) return `weights: ${key} is given twice`;
    seen.add(key);
  }
  return null;
}

function checkRenewal({ renewal }: AllowanceSpec): string | null {
  if (renewal === undefined) return null;
  const { nextNs, everyNs } = renewal;
  if (typeof nextNs !== 'bigint' || nextNs < 0n) return `renewal.nextNs: at least 0, got ${nextNs}`;
  if (everyNs === null) return null;
  const sound = typeof everyNs === 'bigint' && everyNs >= LIMITS.allowancePeriodNsMin;
  return sound ? null : `renewal.everyNs: at least ${LIMITS.allowancePeriodNsMin}, got ${everyNs}`;
}
