import { maxOf, minOf } from '../base/bigint-math.js';
import type { Domain } from '../domain/domain.js';
import { SLICE_NS } from './credit.js';

/** How many periods' budget a domain keeps that had to wait for a pCPU. */
const CARRIED_PERIODS = 16n;

/**
 * Design: a capped domain has a budget of cap percent of a slice in each period of 30 ms, for all its vCPUs together.
 * It is refilled lazily, from the number of periods gone by. What several vCPUs overspend is a debt to later periods.
 * What is left at the end of a period is carried only as far as the domain had wanted the CPU and waited for it, at
 * most sixteen periods' budget: so waiting behind others does not cost it its cap, and an idle domain saves nothing.
 * Invariants: budget <= quota + 16 quotas; over any span of n whole periods it executes at most n + 17 quotas.
 */
function quotaNs(domain: Domain): bigint {
  return (SLICE_NS * BigInt(domain.effectiveCap)) / 100n;
}

/**
 * The CPU a capped domain may still use in this period; zero or less means it has to park. Its runstates must have been
 * brought up to `nowNs`.
 */
export function capBudgetNs(domain: Domain, nowNs: bigint): bigint {
  const period = nowNs / SLICE_NS;
  if (period > domain.capPeriod) {
    const quota = quotaNs(domain);
    const { waitedNs, ranNs } = used(domain);
    // A vCPU whose runstates began anew has waited for what they say.
    const waited = maxOf(waitedNs - domain.capWaitedNs, 0n);
    const idle = waited === 0n && ranNs === domain.capRanNs;
    const most = CARRIED_PERIODS * quota;
    const mayCarry = idle ? 0n : minOf(domain.capMayCarryNs + waited, most);
    const saved = domain.capBudgetNs + (period - domain.capPeriod) * quota;
    domain.capBudgetNs = minOf(saved, quota + mayCarry);
    // It may carry on what it carried, and what it missed by waiting in the period that has begun.
    const carried = maxOf(domain.capBudgetNs - quota, 0n);
    const sinceNs = (nowNs - period * SLICE_NS) * BigInt(domain.vcpus.length);
    domain.capMayCarryNs = maxOf(carried, minOf(mayCarry, sinceNs));
    domain.capPeriod = period;
    domain.capWaitedNs = waitedNs;
    domain.capRanNs = ranNs;
  }
  return domain.capBudgetNs;
}

/** A new cap begins with a whole period's budget, less what is owed. */
export function restartCapBudget(domain: Domain, nowNs: bigint): void {
  const { waitedNs, ranNs } = used(domain);
  domain.capPeriod = nowNs / SLICE_NS;
  domain.capBudgetNs = minOf(domain.capBudgetNs, 0n) + quotaNs(domain);
  domain.capMayCarryNs = 0n;
  domain.capWaitedNs = waitedNs;
  domain.capRanNs = ranNs;
}

/** When a parked domain has budget again. */
export function unparkNs(domain: Domain): bigint {
  const periods = -domain.capBudgetNs / quotaNs(domain) + 1n;
  return (domain.capPeriod + periods) * SLICE_NS;
}

function used(domain: Domain): { waitedNs: bigint; ranNs: bigint } {
  let waitedNs = 0n;
  let ranNs = 0n;
  for (const { runstateNs } of domain.vcpus) {
    waitedNs += runstateNs.runnable;
    ranNs += runstateNs.running;
  }
  return { waitedNs, ranNs };
}
