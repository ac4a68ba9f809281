/**
 * Brings the leases of a tenant to what its budgets and its usage allow (accounting C3, C4).
 *
 * Design. One function computes all series of a tenant anew under a lock on its terms: it confirms what hosts have
 * answered, retires series of past epochs and periods, adds items for new resources, and moves the authorised totals.
 * It may run at any time and any number of times; only what changed is sent. A total is raised by the next generation;
 * a lower one counts as lent in full until the host has confirmed it.
 * Invariant: I1 as far as this side knows: F(settled + slices) + money on loan + landing reserve <= cap.
 */
import { Injectable, type OnModuleInit } from '@nestjs/common';
import {
  authorise,
  ceilRatio,
  checkInvariantOne,
  exactDrawnPico,
  maximumRatePerHourPico,
  moneyOnLoanPico,
  type Authorisation,
  type OutstandingSeries,
} from '@xenorack/accounting';
import { must, RateTenant, type RatedTenant } from '../billing/rate-tenant.js';
import { TermsStore } from '../billing/terms.store.js';
import { ControlKey } from '../hosts/control-key.js';
import { HostCommands } from '../hosts/host-commands.js';
import { newId } from '../platform/ids.js';
import { Jobs } from '../platform/jobs.js';
import { UnitOfWork, type Tx } from '../platform/unit-of-work.js';
import { WallClock } from '../platform/wall-clock.js';
import { SpendingCap, type CapInForce } from './spending-cap.js';
import { LeasedResourcesStore, type LeasedDomain } from './leased-resources.store.js';
import { burnParts, isSpent, leaseWire, missingItems, outstandingOf } from './lease-series.js';
import { LeaseStore, type LeaseRow } from './lease.store.js';

/** A lease lasts this long unless it is renewed; renewal is asked for at half of it. */
export const LEASE_MS = 3_600_000;
/**
 * What is left is lent whole once it lasts no longer than twice this at the maximum rate. Use is seen once a second and
 * a renewal takes its time, so a smaller loan is drawn before it is renewed, and the domain stops with money left.
 */
const MINIMUM_SECONDS = 10n;
/** Loans smaller than this many seconds at the maximum rate are not worth asking back. */
const RECLAIM_SECONDS = 1n;

interface Desk {
  tx: Tx;
  rated: RatedTenant;
  cap: CapInForce;
  domains: LeasedDomain[];
  open: LeaseRow[];
  landingReservePico: bigint;
}

@Injectable()
export class GrantLeases implements OnModuleInit {
  constructor(
    private readonly rateTenant: RateTenant,
    private readonly terms: TermsStore,
    private readonly cap: SpendingCap,
    private readonly resources: LeasedResourcesStore,
    private readonly leases: LeaseStore,
    private readonly commands: HostCommands,
    private readonly controlKey: ControlKey,
    private readonly unitOfWork: UnitOfWork,
    private readonly jobs: Jobs,
    private readonly clock: WallClock,
  ) {}

  onModuleInit(): void {
    this.jobs.handle('renew-leases', ({ tenantId }) => this.unitOfWork.run((tx) => this.grant(tx, tenantId)));
  }

  /** Asks for a renewal after this transaction; several requests become one. */
  async request(tx: Tx, tenantId: string): Promise<void> {
    await this.jobs.request(tx, 'renew-leases', { tenantId }, { key: tenantId });
  }

  async grant(tx: Tx, tenantId: string): Promise<void> {
    await this.terms.lock(tx, tenantId);
    const rated = await this.rateTenant.rate(tenantId);
    const domains = await this.resources.of(tenantId, tx);
    const open = await this.confirmed(tx, await this.leases.open(tenantId, tx));
    const landingReservePico = domains.reduce((sum, domain) => sum + domain.landingReservePico, 0n);
    const desk: Desk = {
      tx,
      rated,
      cap: await this.cap.of(rated.tenant, tx),
      domains,
      open,
      landingReservePico,
    };
    await this.retire(desk);
    for (const hostId of new Set(domains.map((domain) => domain.hostId))) await this.grantOn(desk, hostId);
  }

  /** Takes over what hosts answered: the start of a series, and a lowered total. */
  private async confirmed(tx: Tx, open: LeaseRow[]): Promise<LeaseRow[]> {
    for (const lease of open) {
      const command = await this.commands.find(commandId(lease), tx);
      if (command?.status !== 'succeeded') continue;
      const since = lease.sinceUtcNs ?? (command.result?.utcNs ? BigInt(command.result.utcNs) : null);
      if (since === lease.sinceUtcNs && lease.authorisedPico === lease.sentPico) continue;
      lease.sinceUtcNs = since;
      lease.authorisedPico = lease.sentPico;
      await this.leases.save(tx, lease, this.clock.now());
    }
    return open;
  }

  /**
   * Series of another epoch end when the readings of that epoch are in; series of another period end once the host has
   * taken the new one. Until then their money counts as lent.
   */
  private async retire(desk: Desk): Promise<void> {
    const { tx, rated, open } = desk;
    for (const lease of open) {
      const host = desk.domains.find((domain) => domain.hostId === lease.hostId);
      if (host && host.epoch === lease.epoch && lease.periodStartNs === rated.month.period.fromNs) continue;
      if (isOver(lease, host?.epoch ?? null, desk)) {
        lease.state = 'settled';
        if (!host || host.epoch === lease.epoch) await this.end(tx, lease);
      } else if (lease.state !== 'unconfirmed') {
        lease.state = 'unconfirmed';
      } else {
        continue;
      }
      await this.leases.save(tx, lease, this.clock.now());
    }
    desk.open = open.filter((lease) => lease.state !== 'settled');
  }

  private async grantOn(desk: Desk, hostId: string): Promise<void> {
    const { rated } = desk;
    const domains = desk.domains.filter((domain) => domain.hostId === hostId);
    const current = desk.open.find((lease) => lease.hostId === hostId && lease.state !== 'unconfirmed');
    const lease = current ?? this.begin(desk, hostId, domains[0]!.epoch);
    if (!current) desk.open.push(lease);
    const plans = new Map(rated.terms.planVersions.map((plan) => [plan.planVersionId, plan]));
    const added = missingItems(lease.items, domains, plans, must(this.invariant(desk)).committed);
    lease.items = [...lease.items, ...added];

    const { committed } = must(this.invariant(desk));
    const own = this.seriesOf(desk, lease);
    const others = desk.open.filter((each) => each !== lease).map((each) => this.seriesOf(desk, each));
    const ratePerHourPico = maximumRatePerHourPico(burnParts(lease.items, domains));
    const minimumPico = (ratePerHourPico * MINIMUM_SECONDS) / 3_600n;
    const authorisation = authorise({
      capPico: desk.cap.capPico,
      ratedPico: ceilRatio(committed.totalPico),
      outstandingPico: others.reduce((sum, series) => sum + onLoan(series), 0n),
      fixedPico: 0n,
      landingReservePico: desk.landingReservePico,
      ratePerHourPico,
      minimumPico,
      series: { ...own, authorisedPico: 0n },
    });
    const spent = isSpent(lease, drawnBy(own));
    const worthwhilePico = (ratePerHourPico * RECLAIM_SECONDS) / 3_600n;
    if (spent && authorisation.remainingPico < worthwhilePico)
      await this.reclaim(desk, lease, worthwhilePico);
    await this.send(desk, lease, { changed: !current || added.length > 0, authorisation, own });
  }

  /**
   * A host without money while others hold more than they need: each of those gives half of its loan back. It is there
   * to be lent as soon as they have confirmed, so a tenant's money follows its use from host to host.
   */
  private async reclaim(desk: Desk, starving: LeaseRow, worthwhilePico: bigint): Promise<void> {
    for (const lease of desk.open) {
      const settling = lease.state !== 'active' || lease.authorisedPico !== lease.sentPico;
      if (lease === starving || settling || lease.sinceUtcNs === null) continue;
      const drawn = drawnBy(this.seriesOf(desk, lease));
      const loan = lease.sentPico - drawn;
      if (loan <= 2n * worthwhilePico) continue;
      lease.sentPico = drawn + loan / 2n;
      await this.sendGeneration(desk.tx, lease, drawn);
    }
  }

  /**
   * Sends a generation when something changed: its items, its policy, its end coming near, a total that half used up may
   * be raised, or one that I1 no longer allows. Anything less would make a new generation with every reading.
   */
  private async send(
    { tx, cap }: Desk,
    lease: LeaseRow,
    next: { changed: boolean; authorisation: Authorisation; own: OutstandingSeries },
  ): Promise<void> {
    const now = this.clock.now();
    const drawn = drawnBy(next.own);
    const { authorisedPico, remainingPico } = next.authorisation;
    // Never below what is drawn: the host could only answer that it is exhausted, which it then is anyway.
    const wished = authorisedPico > drawn ? authorisedPico : drawn;
    const left = lease.sentPico > drawn ? lease.sentPico - drawn : 0n;
    const tooMuch = left > (remainingPico > 0n ? remainingPico : 0n);
    const raise = wished > drawn && wished - drawn >= 2n * left;
    const due = lease.expiresAt.getTime() <= now.getTime() + LEASE_MS / 2;
    if (!next.changed && !due && !tooMuch && !raise && lease.policy === cap.policy) return;
    lease.policy = cap.policy;
    if (next.changed || tooMuch || raise) lease.sentPico = wished;
    await this.sendGeneration(tx, lease, drawn);
  }

  private async sendGeneration(tx: Tx, lease: LeaseRow, drawn: bigint): Promise<void> {
    const now = this.clock.now();
    lease.generation += 1;
    if (lease.sentPico > lease.authorisedPico) lease.authorisedPico = lease.sentPico;
    lease.drawnPico = drawn;
    lease.state = lease.sentPico > drawn ? 'active' : 'exhausted';
    lease.expiresAt = new Date(now.getTime() + LEASE_MS);
    await this.leases.save(tx, lease, now);
    await this.commands.send(
      tx,
      lease.hostId,
      { operationId: commandId(lease), type: 'set-lease', lease: this.controlKey.sign(leaseWire(lease)) },
      { name: 'renew-leases', payload: { tenantId: lease.tenantId } },
    );
  }

  private async end(tx: Tx, lease: LeaseRow): Promise<void> {
    await this.commands.send(tx, lease.hostId, {
      operationId: `${lease.id}.end`,
      type: 'end-lease',
      leaseId: lease.id,
    });
  }

  private begin({ rated, cap }: Desk, hostId: string, epoch: number): LeaseRow {
    return {
      id: newId('lea'),
      tenantId: rated.tenant.tenantId,
      hostId,
      epoch,
      generation: 0,
      sinceUtcNs: null,
      periodStartNs: rated.month.period.fromNs,
      items: [],
      policy: cap.policy,
      authorisedPico: 0n,
      sentPico: 0n,
      drawnPico: 0n,
      state: 'active',
      expiresAt: this.clock.now(),
    };
  }

  private invariant(desk: Desk) {
    return checkInvariantOne({
      terms: desk.rated.terms,
      usage: desk.rated.totals,
      series: desk.open.map((lease) => this.seriesOf(desk, lease)),
      fixedPico: 0n,
      landingReservePico: desk.landingReservePico,
      capPico: desk.cap.capPico,
    });
  }

  private seriesOf({ rated }: Desk, lease: LeaseRow): OutstandingSeries {
    return outstandingOf(lease, rated.usage.records, rated.usage.clock);
  }
}

function commandId(lease: LeaseRow): string {
  return `${lease.id}.${lease.generation}`;
}

/** Whether nothing can be drawn on a series of another epoch or period any more. */
function isOver(lease: LeaseRow, epochNow: number | null, { rated, open }: Desk): boolean {
  if (epochNow === null || epochNow !== lease.epoch) {
    const life = `${lease.hostId}/${lease.epoch}/`;
    return !rated.usage.incarnations.some((each) => each.id.startsWith(life) && each.closedUtcNs === null);
  }
  return open.some(
    (other) =>
      other.hostId === lease.hostId &&
      other.epoch === lease.epoch &&
      other.periodStartNs === rated.month.period.fromNs &&
      other.sinceUtcNs !== null,
  );
}

function drawnBy(series: OutstandingSeries): bigint {
  return ceilRatio(exactDrawnPico(series.items, series.settled));
}

/** Money of another series that may still be drawn; a series living on its landing reserve lends nothing back. */
function onLoan(series: OutstandingSeries): bigint {
  const loan = moneyOnLoanPico(series);
  return loan > 0n ? loan : 0n;
}
