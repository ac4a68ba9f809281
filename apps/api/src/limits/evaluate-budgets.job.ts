import { Injectable, type OnModuleInit } from '@nestjs/common';
import { evaluateBudget, type Budget, type BudgetState } from '@xenorack/accounting';
import { LiveBill } from '../billing/live-bill.js';
import type { LiveTenant } from '../billing/live-tenant.js';
import { RateTenant, type RatedTenant } from '../billing/rate-tenant.js';
import { picoWire } from '../catalog/money.dto.js';
import { Jobs } from '../platform/jobs.js';
import { Outbox } from '../platform/outbox.js';
import { UnitOfWork, type Tx } from '../platform/unit-of-work.js';
import { BudgetStore, type BudgetRow } from './budget.store.js';
import { LeasedResourcesStore } from './leased-resources.store.js';

/** The threshold that stands for the budget itself. */
const WHOLE = 100;

/** What the domains of a tenant come to for its budgets. */
interface Held {
  domainIds: string[];
  /** Kept back for landing them; a budget that stops spending is used up when nothing beside it is left. */
  landingReservePico: bigint;
}

/**
 * Tells a tenant when its spending crosses a threshold of a budget, once per crossing: the announcement and the memory
 * of it are one transaction. Stopping is not done here: the host does it when the lease is gone.
 */
@Injectable()
export class EvaluateBudgets implements OnModuleInit {
  constructor(
    private readonly budgets: BudgetStore,
    private readonly rateTenant: RateTenant,
    private readonly liveBill: LiveBill,
    private readonly resources: LeasedResourcesStore,
    private readonly jobs: Jobs,
    private readonly outbox: Outbox,
    private readonly unitOfWork: UnitOfWork,
  ) {}

  onModuleInit(): void {
    this.jobs.handle('evaluate-budgets', ({ tenantId }) => this.run(tenantId));
    this.liveBill.onRated((live) => this.look(live));
  }

  /** Asks for an evaluation only when it would announce something. */
  private async look({ rated }: LiveTenant): Promise<void> {
    const { tenantId } = rated.tenant;
    const budgets = await this.budgets.list(tenantId);
    if (budgets.length === 0) return;
    const held = await this.heldBy(tenantId);
    if (budgets.some((budget) => crossingsOf(budget, rated, held).changed))
      await this.unitOfWork.run((tx) =>
        this.jobs.request(tx, 'evaluate-budgets', { tenantId }, { key: tenantId }),
      );
  }

  private async run(tenantId: string): Promise<void> {
    const rated = await this.rateTenant.rate(tenantId);
    await this.unitOfWork.run(async (tx) => {
      const held = await this.heldBy(tenantId, tx);
      for (const budget of await this.budgets.list(tenantId, tx))
        await this.announce(tx, budget, rated, held);
    });
  }

  private async heldBy(tenantId: string, tx?: Tx): Promise<Held> {
    const domains = await this.resources.of(tenantId, tx);
    return {
      domainIds: domains.map((domain) => domain.domainId),
      landingReservePico: domains.reduce((sum, domain) => sum + domain.landingReservePico, 0n),
    };
  }

  private async announce(tx: Tx, budget: BudgetRow, rated: RatedTenant, held: Held): Promise<void> {
    const { changed, fired, crossed } = crossingsOf(budget, rated, held);
    if (!changed) return;
    await this.budgets.setFired(tx, budget.id, fired, rated.month.period.fromNs);
    for (const percent of crossed) {
      await this.outbox.write(tx, {
        tenantId: budget.tenantId,
        type: 'budget.threshold_reached',
        subject: { type: 'budget', id: budget.id },
        data: {
          threshold_percent: percent,
          limit: picoWire(budget.amountPico, budget.currency),
          spent: picoWire(rated.bill.accruedPico, budget.currency),
        },
      });
    }
    if (crossed.includes(WHOLE)) {
      await this.outbox.write(tx, {
        tenantId: budget.tenantId,
        type: 'limit.breached',
        subject: { type: 'budget', id: budget.id },
        data: {
          limit: 'budget',
          policy: budget.policy,
          domain_ids: budget.policy === 'alert' ? [] : held.domainIds,
        },
      });
    }
  }
}

/** What an evaluation now would announce and remember. */
export function crossingsOf(row: BudgetRow, rated: RatedTenant, { landingReservePico }: Held) {
  const spendablePico = row.amountPico - (row.policy === 'alert' ? 0n : landingReservePico);
  const whole = { kind: 'absolute', amountPico: spendablePico > 0n ? spendablePico : 0n } as const;
  const budget: Budget = {
    budgetId: row.id,
    amountPico: row.amountPico,
    policy: row.policy,
    thresholds: [...new Set([...row.thresholdsPercent, WHOLE])].map((percent) => ({
      thresholdId: String(percent),
      basis: 'spent',
      level: percent === WHOLE ? whole : { kind: 'percent', percent: BigInt(percent) },
    })),
  };
  const periodFromNs = rated.month.period.fromNs;
  const before: BudgetState = {
    periodFromNs: row.firedPeriodNs,
    firedThresholdIds: row.firedPercent.map(String),
    exhausted: row.firedPercent.includes(WHOLE),
  };
  const { state, crossings } = evaluateBudget(budget, before, {
    periodFromNs,
    spentPico: rated.bill.accruedPico,
  });
  const fired = state.firedThresholdIds.map(Number).sort((a, b) => a - b);
  const known = row.firedPeriodNs === periodFromNs ? row.firedPercent : [];
  const crossed = crossings.flatMap((c) => (c.kind === 'threshold' ? [Number(c.threshold.thresholdId)] : []));
  return { changed: fired.join() !== [...known].sort((a, b) => a - b).join(), fired, crossed };
}
