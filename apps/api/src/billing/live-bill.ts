/**
 * The bill that ticks: after each stored batch, the tenants in it are rated again and told.
 *
 * Design. Hosts take their readings at the same second, so what arrives within GATHER_MS of the first batch is rated
 * together: one rating per tenant and second, however many hosts it is on, and few tenants at a time. Rates come from the difference between the last two readings, priced by the same rater as the bill itself. What is published is
 * set, never added, so a lost figure is replaced by the next.
 */
import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { minorWire, picoWire } from '../catalog/money.dto.js';
import { instantWire } from '../catalog/instant.dto.js';
import { IngestReadings } from '../metering/ingest-readings.js';
import type { IncarnationRow } from '../metering/usage.store.js';
import { LiveFeed } from '../platform/live-feed.js';
import { WallClock } from '../platform/wall-clock.js';
import { domainFigures } from './domain-figures.js';
import { accruedByScope, burnNow, type Delta, type LiveTenant } from './live-tenant.js';
import { RateTenant } from './rate-tenant.js';

/** Batches of one second come this close together. */
const GATHER_MS = 100;
/** Ratings at one time: enough to keep PostgreSQL and this thread busy together. */
const RATINGS_MAX = 4;
/** Bills older than this are rated again when somebody asks. */
const FRESH_MS = 1_500;
/** Readings closer together than this (a cut beside a tick) are too short a stretch to call a rate. */
const TREND_NS_MIN = 500_000_000n;

type LiveListener = (live: LiveTenant) => Promise<void>;

@Injectable()
export class LiveBill implements OnModuleInit, OnModuleDestroy {
  private readonly log = new Logger(LiveBill.name);
  /** Tenants with readings that were not rated yet. */
  private readonly dirty = new Set<string>();
  private readonly inFlight = new Map<string, Promise<void>>();
  private gathering: NodeJS.Timeout | null = null;
  private stopped = false;
  private readonly heads = new Map<string, { hostNs: bigint; values: bigint[]; delta: Delta | null }>();
  private readonly listeners: LiveListener[] = [];
  private readonly latest = new Map<string, { live: LiveTenant; atMs: number }>();
  private readonly onDemand = new Map<string, Promise<LiveTenant>>();

  constructor(
    private readonly ingest: IngestReadings,
    private readonly rateTenant: RateTenant,
    private readonly feed: LiveFeed,
    private readonly clock: WallClock,
  ) {}

  onModuleInit(): void {
    this.ingest.onIngested(async ({ accepted }) => {
      for (const reading of accepted) this.dirty.add(reading.tenantId);
      if (this.stopped || this.gathering) return;
      this.gathering = setTimeout(() => {
        this.gathering = null;
        this.drain();
      }, GATHER_MS);
    });
  }

  /** Readings that come while the process stops are stored, not shown. */
  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    if (this.gathering) clearTimeout(this.gathering);
    await Promise.all(this.inFlight.values());
  }

  /** Called after each rating, before the next one of the same tenant starts. */
  onRated(listener: LiveListener): void {
    this.listeners.push(listener);
  }

  /** A rating at most FRESH_MS old; where readings arrive it is the live one, elsewhere it is made on demand. */
  async current(tenantId: string): Promise<LiveTenant> {
    const known = this.latest.get(tenantId);
    if (known && this.clock.now().getTime() - known.atMs <= FRESH_MS) return known.live;
    let pending = this.onDemand.get(tenantId);
    if (!pending) {
      pending = this.makeLive(tenantId).finally(() => this.onDemand.delete(tenantId));
      this.onDemand.set(tenantId, pending);
    }
    return pending;
  }

  /** Rates what has gathered, a few tenants at a time; one that is being rated waits for the next round. */
  private drain(): void {
    for (const tenantId of this.dirty) {
      if (this.inFlight.size >= RATINGS_MAX) return;
      if (this.inFlight.has(tenantId)) continue;
      this.dirty.delete(tenantId);
      const rating = this.rateOnce(tenantId)
        .catch((error: unknown) =>
          this.log.error({ err: error, tenantId }, 'live rating failed; the next reading tries again'),
        )
        .finally(() => {
          this.inFlight.delete(tenantId);
          if (!this.stopped) this.drain();
        });
      this.inFlight.set(tenantId, rating);
    }
  }

  private async rateOnce(tenantId: string): Promise<void> {
    const live = await this.makeLive(tenantId);
    this.publish(live);
    for (const listener of this.listeners) await listener(live);
  }

  private async makeLive(tenantId: string): Promise<LiveTenant> {
    const rated = await this.rateTenant.rate(tenantId);
    const deltas = this.deltasOf(rated.usage.incarnations);
    const { total, byScope } = burnNow(rated, deltas);
    const accruedPicoByScope = accruedByScope(rated);
    const live = { rated, deltas, ratePerHourPico: total, ratePerHourByScope: byScope, accruedPicoByScope };
    this.latest.set(tenantId, { live, atMs: this.clock.now().getTime() });
    return live;
  }

  /** Remembers heads and answers what moved since the ones before; a head that did not move keeps its last delta. */
  private deltasOf(incarnations: IncarnationRow[]): Map<string, Delta> {
    const deltas = new Map<string, Delta>();
    for (const { id, head, closedUtcNs } of incarnations) {
      if (closedUtcNs !== null) {
        this.heads.delete(id);
        continue;
      }
      const before = this.heads.get(id);
      let delta = before?.delta ?? null;
      const elapsedNs = before ? head.hostNs - before.hostNs : 0n;
      if (before && elapsedNs >= TREND_NS_MIN) {
        delta = {
          elapsedNs,
          values: head.values.map((value, at) => value - (before.values[at] ?? 0n)),
        };
      }
      if (!before || elapsedNs >= TREND_NS_MIN)
        this.heads.set(id, { hostNs: head.hostNs, values: head.values, delta });
      if (delta) deltas.set(id, delta);
    }
    return deltas;
  }

  private publish(live: LiveTenant): void {
    const { rated, ratePerHourPico } = live;
    const { tenant, bill, usage } = rated;
    const audience = { tenantId: tenant.tenantId };
    const billFigures = {
      at: instantWire(rated.nowNs),
      accrued: picoWire(bill.accruedPico, bill.currency),
      payable: minorWire(bill.payable.totalMinor, bill.currency),
      rate_per_hour: picoWire(ratePerHourPico, bill.currency),
      metered_to: usage.meteredToNs === null ? null : instantWire(usage.meteredToNs),
    };
    this.feed.publishAll(audience, [
      { name: 'bill.figures', data: billFigures },
      ...domainFigures(live).map((data) => ({ name: 'domain.figures', data })),
    ]);
  }
}
