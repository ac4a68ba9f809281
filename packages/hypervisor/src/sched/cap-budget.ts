import { minOf } from '../base/bigint-math.js';
import type { Domain } from '../domain/domain.js';
import { SLICE_NS } from './credit.js';

/**
 * Design: a capped domain has a budget of cap percent of a slice in each period of 30 ms, for all its vCPUs together.
 * It is refilled lazily, from the number of periods gone by. What several vCPUs overspend is a debt to later periods.
 * Invariant: budget <= one period's quota, so an idle domain saves nothing.
 */
function quotaNs(domain: Domain): bigint {
  return (SLICE_NS * BigInt(domain.effectiveCap)) / 100n;
}

/** The CPU a capped domain may still use in this period; zero or less means it has to park. */
export function capBudgetNs(domain: Domain, nowNs: bigint): bigint {
  const period = nowNs / SLICE_NS;
  const quota = quotaNs(domain);
  if (period > domain.capPeriod) {
    domain.capBudgetNs += (period - domain.capPeriod) * quota;
    domain.capPeriod = period;
  }
  domain.capBudgetNs = minOf(domain.capBudgetNs, quota);
  return domain.capBudgetNs;
}

/** A new cap begins with a whole period's budget, less what is owed. */
export function restartCapBudget(domain: Domain, nowNs: bigint): void {
  domain.capPeriod = nowNs / SLICE_NS;
  domain.capBudgetNs = minOf(domain.capBudgetNs, 0n) + quotaNs(domain);
}

/** When a parked domain has budget again. */
export function unparkNs(domain: Domain): bigint {
  const periods = -domain.capBudgetNs / quotaNs(domain) + 1n;
  return (domain.capPeriod + periods) * SLICE_NS;
}
