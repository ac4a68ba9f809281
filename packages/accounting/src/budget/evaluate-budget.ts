/**
 * Design: a budget is a ceiling on money in a period (C2). Evaluation is a state function: (budget, what was already
 * announced, spend) -> (new state, crossings). The caller stores the state in the transaction that queues the
 * announcements, so a crossing is announced exactly once.
 * Invariants: a threshold is crossed when spend >= threshold. A spent threshold is armed again when spend falls below it
 * (a raised budget, a credit); a forecast threshold is not (a forecast swings), it fires once a period.
 * A new period starts with nothing announced. Units: pico.
 */
export interface BudgetThreshold {
  readonly thresholdId: string;
  readonly basis: 'spent' | 'forecast';
  readonly level:
    | { readonly kind: 'absolute'; readonly amountPico: bigint }
    | { readonly kind: 'percent'; readonly percent: bigint };
}

export type BudgetPolicy = 'alert' | 'throttle' | 'pause' | 'stop';

export interface Budget {
  readonly budgetId: string;
  readonly amountPico: bigint;
  readonly policy: BudgetPolicy;
  readonly thresholds: readonly BudgetThreshold[];
}

export interface BudgetState {
  /** Start of the period the state belongs to. */
  readonly periodFromNs: bigint;
  readonly firedThresholdIds: readonly string[];
  /** Whether the budget itself was announced as used up. */
  readonly exhausted: boolean;
}

export interface BudgetSpend {
  readonly periodFromNs: bigint;
  readonly spentPico: bigint;
  readonly forecastPico?: bigint;
}

export type BudgetCrossing =
  | {
      readonly kind: 'threshold';
      readonly threshold: BudgetThreshold;
      readonly thresholdPico: bigint;
      readonly reachedPico: bigint;
    }
  | { readonly kind: 'exhausted'; readonly policy: BudgetPolicy; readonly reachedPico: bigint };

export function evaluateBudget(
  budget: Budget,
  before: BudgetState | null,
  spend: BudgetSpend,
): { readonly state: BudgetState; readonly crossings: readonly BudgetCrossing[] } {
  const known = before?.periodFromNs === spend.periodFromNs ? before : null;
  const fired = new Set<string>();
  const crossings: BudgetCrossing[] = [];
  for (const threshold of budget.thresholds) {
    const hadFired = known?.firedThresholdIds.includes(threshold.thresholdId) === true;
    const reachedPico = threshold.basis === 'spent' ? spend.spentPico : spend.forecastPico;
    const over = reachedPico !== undefined && isReached(budget, threshold, reachedPico);
    if (over || (hadFired && threshold.basis === 'forecast')) fired.add(threshold.thresholdId);
    if (over && !hadFired) {
      crossings.push({
        kind: 'threshold',
        threshold,
        thresholdPico: thresholdPico(budget, threshold),
        reachedPico,
      });
    }
  }
  const exhausted = spend.spentPico >= budget.amountPico;
  if (exhausted && known?.exhausted !== true) {
    crossings.push({ kind: 'exhausted', policy: budget.policy, reachedPico: spend.spentPico });
  }
  const firedThresholdIds = [...fired].sort();
  return { state: { periodFromNs: spend.periodFromNs, firedThresholdIds, exhausted }, crossings };
}

/** The threshold as money, rounded up to a pico. */
export function thresholdPico(budget: Budget, threshold: BudgetThreshold): bigint {
  const { level } = threshold;
  return level.kind === 'absolute' ? level.amountPico : (budget.amountPico * level.percent + 99n) / 100n;
}

/** Compared crosswise rather than divided, so a percentage is exact. */
function isReached(budget: Budget, threshold: BudgetThreshold, reachedPico: bigint): boolean {
  const { level } = threshold;
  if (level.kind === 'absolute') return reachedPico >= level.amountPico;
  return reachedPico * 100n >= budget.amountPico * level.percent;
}

/** What a tenant may spend in the period (C2): the tightest of its stop budget, credit limit and wallet. Null: no bound. */
export function effectiveCapPico(bounds: {
  /** Amount of the budget whose policy is pause or stop. */
  readonly stopBudgetPico?: bigint;
  readonly creditLimitPico?: bigint;
  readonly walletPico?: bigint;
  /** The wallet must not go below this. */
  readonly walletFloorPico?: bigint;
}): bigint | null {
  const walletRoom =
    bounds.walletPico === undefined ? undefined : bounds.walletPico - (bounds.walletFloorPico ?? 0n);
  let cap: bigint | null = null;
  for (const bound of [bounds.stopBudgetPico, bounds.creditLimitPico, walletRoom]) {
    if (bound !== undefined && (cap === null || bound < cap)) cap = bound;
  }
  return cap;
}
