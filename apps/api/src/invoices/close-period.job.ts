/**
 * Closes a tenant's period when its usage is complete.
 *
 * Design. The watermark is the earliest last cut among the incarnations that may still add to the period. Once it has
 * passed the end, the last rating is final. An hour after the end the period closes without the ones that stay silent:
 * what they add later is late usage. The run is keyed by tenant and period and may be repeated.
 */
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { contains, floorRatio, monthContaining, parseInstant, type Period } from '@xenorack/accounting';
import { RateTenant, type RatedTenant } from '../billing/rate-tenant.js';
import { exactInstantWire } from '../catalog/instant.dto.js';
import { zoneOf } from '../metering/time-zone.js';
import { Jobs } from '../platform/jobs.js';
import { UnitOfWork } from '../platform/unit-of-work.js';
import { ClosingStore } from './closing.store.js';
import { InvoiceStore } from './invoice.store.js';
import { IssueInvoice } from './issue-invoice.js';

const HOUR_NS = 3_600_000_000_000n;
const LOOK_AGAIN_MS = 2_000;
const SWEEP_MS = 60_000;
const ACCRUAL_MS = 3_600_000;

@Injectable()
export class ClosePeriod implements OnModuleInit {
  private readonly log = new Logger(ClosePeriod.name);

  constructor(
    private readonly rateTenant: RateTenant,
    private readonly issueInvoice: IssueInvoice,
    private readonly invoices: InvoiceStore,
    private readonly closing: ClosingStore,
    private readonly jobs: Jobs,
    private readonly unitOfWork: UnitOfWork,
  ) {}

  onModuleInit(): void {
    this.jobs.handle('close-period', ({ tenantId, periodStart, force }) =>
      this.close(tenantId, periodStart, force),
    );
    this.jobs.handle('accrue-ledger', ({ tenantId }) => this.accrue(tenantId));
    this.jobs.every('close-periods', SWEEP_MS, () => this.sweep());
    this.jobs.every('accrue-ledgers', ACCRUAL_MS, async () => {
      for (const tenantId of await this.closing.meteredTenants()) {
        await this.unitOfWork.run((tx) =>
          this.jobs.request(tx, 'accrue-ledger', { tenantId }, { key: tenantId }),
        );
      }
    });
  }

  /** Asks for the closing of a period; the same one twice is one job. */
  async close(tenantId: string, periodStart: string, force: boolean): Promise<void> {
    const startNs = parseInstant(periodStart);
    if (startNs === undefined) throw new Error(`period start ${periodStart} is no instant`);
    if (await this.invoices.ofPeriod(tenantId, startNs)) return;
    const rated = await this.rateTenant.rate(tenantId, { atNs: startNs, forInvoice: true });
    const { toNs } = rated.month.period;
    const complete = watermarkOf(rated) >= toNs;
    if (rated.nowNs < toNs || (!complete && !force && rated.nowNs < toNs + HOUR_NS)) {
      await this.unitOfWork.run((tx) =>
        this.jobs.request(tx, 'close-period', { tenantId, periodStart, force }, { delayMs: LOOK_AGAIN_MS }),
      );
      return;
    }
    if (!complete)
      this.log.warn(
        { tenantId, periodStart },
        'period closed without the last readings of some incarnations',
      );
    await this.unitOfWork.run((tx) => this.issueInvoice.issue(tx, rated));
  }

  /** Finds periods that are over, have usage and no invoice. */
  private async sweep(): Promise<void> {
    for (const tenantId of await this.closing.meteredTenants()) {
      const rated = await this.rateTenant.rate(tenantId);
      for (const period of pastPeriodsWithUsage(rated)) {
        if (await this.invoices.ofPeriod(tenantId, period.fromNs)) continue;
        const periodStart = exactInstantWire(period.fromNs);
        const payload = { tenantId, periodStart, force: false };
        await this.unitOfWork.run((tx) =>
          this.jobs.request(tx, 'close-period', payload, { key: `${tenantId} ${periodStart}` }),
        );
      }
    }
  }

  private async accrue(tenantId: string): Promise<void> {
    const rated = await this.rateTenant.rate(tenantId);
    await this.unitOfWork.run((tx) =>
      this.issueInvoice.accrue(tx, rated, floorRatio(rated.rated.totalPico), exactInstantWire(rated.nowNs)),
    );
  }
}

/** Label up to which the tenant's usage is complete: the earliest last cut of what still lives. */
export function watermarkOf({ usage, month }: RatedTenant): bigint {
  let watermark: bigint | null = null;
  for (const { hostId, openedUtcNs, closedUtcNs, cutUtcNs } of usage.incarnations) {
    const label = (utcNs: bigint) => utcNs + usage.clock.offsetAt(hostId, utcNs);
    if (closedUtcNs !== null || label(openedUtcNs) >= month.period.toNs) continue;
    const cut = label(cutUtcNs);
    if (watermark === null || cut < watermark) watermark = cut;
  }
  return watermark ?? month.period.toNs;
}

/** Periods before the running one in which usage starts. */
export function pastPeriodsWithUsage({ usage, month, tenant }: RatedTenant): Period[] {
  const zone = zoneOf(tenant.timeZone);
  const starts = usage.records
    .map((record) => record.fromNs)
    .filter((fromNs) => fromNs < month.period.fromNs);
  const periods = new Map<bigint, Period>();
  for (const fromNs of starts) {
    if ([...periods.values()].some((each) => contains(each, fromNs))) continue;
    const { period } = monthContaining(fromNs, zone);
    periods.set(period.fromNs, period);
  }
  return [...periods.values()];
}
