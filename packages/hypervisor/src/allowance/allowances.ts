import { assert } from '../base/assert.js';
import { maxOf } from '../base/bigint-math.js';
import { type Answer, answer, refuse } from '../abi/errno.js';
import { LIMITS } from '../limits.js';
import type { Incarnation } from '../meter/incarnation.js';
import type { Meter } from '../meter/vector.js';
import type { Clock } from '../time/clock.js';
import type { Timers } from '../time/timers.js';
import { Allowance } from './allowance.js';
import { AllowanceIndex } from './allowance-index.js';
import type { AllowanceItem } from './allowance-item.js';
import type { AllowanceSpec, AllowanceStatus, AllowanceStep } from './allowance-spec.js';
import { checkAllowance } from './check-allowance.js';
import { checkRenewalTime, nextRenewalNs } from './renewal.js';
import { demandOf, ladderOf, stricterCap } from './policy-ladder.js';

/** An allowance is looked at again no sooner than this, and no later than this after a step may be reached. */
export const ALLOWANCE_STEP_NS = 1_000_000n;

export interface AllowanceHooks {
  incarnationOf(resourceId: string): Incarnation | null;
  /** Brings a resource's meters up to now. */
  settle(incarnation: Incarnation): void;
  /** The fastest a meter can grow per ns from now on, acts (bytes, operations) left out. */
  rateOf(incarnation: Incarnation, meter: Meter): bigint;
  /** The fastest it can grow over all resources together; null when each has its own. */
  sharedRateOf(meter: Meter): bigint | null;
  warned(allowance: Allowance): void;
  /** A step that throttles, and is not the last. */
  throttled(allowance: Allowance, step: AllowanceStep): void;
  /** The last step. */
  exhausted(allowance: Allowance): void;
  /** It asks less of its members than before. */
  reopened(allowance: Allowance): void;
  /** A period has ended in which this was drawn, acts in flight included. */
  renewed(allowance: Allowance, drawn: bigint): void;
  /** What allowances ask of these resources may have changed. */
  apply(resourceIds: readonly string[]): void;
}

/** Something that is about to happen, in the units of the meters it will move. */
export interface Act {
  resourceId: string;
  meter: Meter;
  quantity: bigint;
}

/** What an admitted act holds until it has been metered or has failed. */
export interface Reservation {
  acts: readonly Act[];
  held: { item: AllowanceItem; allowance: Allowance; quantity: bigint; period: number }[];
  /** Its place in the order of acts and renewals. */
  at: number;
}

/**
 * Design: balances drawn from cumulative totals. A full look settles the members, prices everything and puts it into
 * running sums (`Burn`), from which an upper bound of what is committed at any later instant follows in O(1). A timer
 * is set for the earliest instant at which that bound reaches the next step of the ladder; nothing is scanned in between.
 * An act, or the change of one member, corrects the sums by the items of that one resource. Only where the bound
 * reaches a step is everything looked at again.
 * Invariants: drawn = carried + sum over items (see `AllowanceItem`); a step is reached only by a full look, at most
 * one step of time late; no act is admitted beyond the balance of an allowance that pauses.
 * Units: the allowance's own; the host does not know what they mean.
 */
export class Allowances {
  /** Full looks, and items looked at in them or one by one, since the host started. */
  readonly stats = { fullLooks: 0, itemsLookedAt: 0 };
  private readonly all = new Map<string, Allowance>();
  private readonly index = new AllowanceIndex();
  private order = 0;

  constructor(
    private readonly clock: Clock,
    private readonly timers: Timers,
    private readonly hooks: AllowanceHooks,
  ) {}

  /** Sets or replaces an allowance. EINVAL names the field; E2BIG when there are too many. */
  set(spec: AllowanceSpec): Answer<AllowanceStatus> {
    const held = this.all.get(spec.id);
    const wrong = checkAllowance(spec) ?? checkRenewalTime(spec, held?.spec, this.clock.nowNs);
    if (wrong !== null) return refuse('EINVAL', wrong);
    if (held === undefined && this.all.size >= LIMITS.allowancesMax)
      return refuse('E2BIG', `allowances: at most ${LIMITS.allowancesMax}`);
    const allowance = held ?? this.create(spec);
    const before = held?.members ?? new Set<string>();
    if (held !== undefined) {
      this.settleMembers(held);
      this.index.remove(held);
    }
    allowance.spec = spec;
    allowance.members = new Set(spec.members);
    const { created, dropped } = allowance.replaceItems(spec.weights);
    for (const item of dropped) this.forgetFree(item);
    for (const item of created) {
      const incarnation = this.hooks.incarnationOf(item.weight.resourceId);
      if (incarnation === null) continue;
      this.hooks.settle(incarnation);
      item.follow(incarnation, true);
    }
    this.index.add(allowance);
    this.setRenewal(allowance);
    this.reconsider(allowance);
    this.hooks.apply([...before].filter((id) => !allowance.members.has(id)));
    return answer(allowance.status());
  }

  /** Forgets an allowance; what it held runs again. ENOENT when there is none. */
  remove(id: string): Answer<AllowanceStatus> {
    const allowance = this.all.get(id);
    if (allowance === undefined) return refuse('ENOENT', `allowance ${id}`);
    this.settleMembers(allowance);
    const status = allowance.status();
    this.timers.cancel(allowance.timers.step);
    this.timers.cancel(allowance.timers.renewal);
    for (const item of allowance.items) this.forgetFree(item);
    this.index.remove(allowance);
    this.all.delete(id);
    if (allowance.stepsReached > 0) this.fallTo(allowance, 0);
    return answer(status);
  }

  list(): AllowanceStatus[] {
    return [...this.all.values()].map((allowance) => {
      this.settleMembers(allowance);
      return allowance.status();
    });
  }

  /** How far up their ladders the allowances are that a resource is a member of. */
  standing(resourceId: string): Pick<AllowanceStatus, 'id' | 'state'>[] {
    const members = this.index.of(resourceId).filter(([a]) => a.members.has(resourceId));
    return members.map(([{ spec, state }]) => ({ id: spec.id, state }));
  }

  /** What all allowances together ask of a domain: the strictest of each. `capPercent` 0 means no cap. */
  policyFor(resourceId: string): { pause: boolean; capPercent: number } {
    const policy = { pause: false, capPercent: 0 };
    for (const [allowance] of this.index.of(resourceId)) {
      if (!allowance.members.has(resourceId)) continue;
      const { pause, capPercent } = demandOf(allowance.ladder, allowance.stepsReached);
      policy.pause ||= pause;
      policy.capPercent = stricterCap(policy.capPercent, capPercent);
    }
    return policy;
  }

  opened(incarnation: Incarnation): void {
    for (const [, items] of this.index.of(incarnation.resourceId))
      for (const item of items) item.follow(incarnation, false);
    this.changed(incarnation.resourceId);
  }

  /** Call after the last accrual and before the incarnation is gone. */
  closed(incarnation: Incarnation): void {
    for (const [, items] of this.index.of(incarnation.resourceId)) {
      for (const item of items) if (item.resource === incarnation) item.unfollow();
    }
    this.changed(incarnation.resourceId);
  }

  /** A member may burn at another rate from now on. */
  changed(resourceId: string): void {
    const concerned = this.index.of(resourceId);
    const resource = concerned.flatMap(([, items]) => items).find((item) => item.resource !== null)?.resource;
    if (resource !== null && resource !== undefined) this.hooks.settle(resource);
    for (const [allowance, items] of concerned) {
      // The last one may have ended what this one counts.
      if (this.all.get(allowance.spec.id) !== allowance) continue;
      for (const item of items) this.lookAgain(allowance, item);
      this.check(allowance);
    }
  }

  /**
   * Admits acts whose price fits the balance of every allowance that pauses; null otherwise, and then each allowance
   * that could not pay is exhausted. Give the reservation back with `release` once the acts are metered or failed.
   */
  admit(acts: readonly Act[]): Reservation | null {
    const prices = new Map<Allowance, bigint>();
    this.order += 1;
    const reservation: Reservation = { acts, held: [], at: this.order };
    for (const { resourceId, meter, quantity } of acts) {
      for (const [allowance, items] of this.index.of(resourceId)) {
        for (const item of items) {
          if (item.weight.meter !== meter || !item.countsNow()) continue;
          const before = item.consumed + item.inFlight;
          const price = item.priceOf(before + quantity) - item.priceOf(before);
          prices.set(allowance, (prices.get(allowance) ?? 0n) + price);
          reservation.held.push({ item, allowance, quantity, period: item.period });
        }
      }
    }
    for (const [allowance, price] of prices) if (!this.fits(allowance, price)) return null;
    for (const { item, allowance, quantity } of reservation.held) {
      item.inFlight += quantity;
      this.lookAgain(allowance, item);
    }
    for (const [allowance, price] of prices) if (price > 0n) this.arm(allowance);
    return reservation;
  }

  /** Call in the step in which the acts have been metered, after that, or when they have failed. */
  release(reservation: Reservation, metered: boolean): void {
    for (const { item, allowance, quantity, period } of reservation.held) {
      // An act that was in flight at a renewal has been counted to the period before.
      if (item.period !== period) continue;
      item.inFlight -= quantity;
      assert(item.inFlight >= 0n, 'a reservation was given back twice');
      if (!item.dropped) this.lookAgain(allowance, item);
    }
    if (metered) for (const act of reservation.acts) this.skipOldPeriods(act, reservation.at);
  }

  private skipOldPeriods({ resourceId, meter, quantity }: Act, at: number): void {
    for (const [allowance, items] of this.index.of(resourceId)) {
      if (allowance.renewedAt < at) continue;
      for (const item of items) {
        if (item.weight.meter !== meter || !item.countsNow()) continue;
        item.skip(quantity);
        this.lookAgain(allowance, item);
      }
    }
  }

  private fits(allowance: Allowance, price: bigint): boolean {
    const { pauseAt, burn } = allowance;
    if (pauseAt === null) return true;
    if (allowance.exhausted) return false;
    if (burn.upperAt(this.clock.nowNs) + price <= pauseAt) return true;
    this.lookAtAll(allowance);
    if (allowance.exhausted) return false;
    if (burn.committed + price <= pauseAt) return true;
    this.climbTo(allowance, allowance.ladder.length);
    this.arm(allowance);
    return false;
  }

  /** Reaches the steps that the bound says may be reached, or waits on. */
  private check(allowance: Allowance): void {
    const { nextStep, burn } = allowance;
    if (nextStep !== null && burn.upperAt(this.clock.nowNs) >= nextStep.at) this.lookAtAll(allowance);
    else this.arm(allowance);
  }

  private lookAtAll(allowance: Allowance): void {
    this.stats.fullLooks += 1;
    this.settleMembers(allowance);
    const { burn } = allowance;
    burn.restart(allowance.carried, this.clock.nowNs);
    for (const item of allowance.items) {
      this.lookAt(allowance, item);
      burn.put(item);
    }
    this.climbTo(allowance, reachedBy(allowance.ladder, burn.committed));
    this.arm(allowance);
  }

  private lookAgain(allowance: Allowance, item: AllowanceItem): void {
    allowance.burn.take(item);
    this.lookAt(allowance, item);
    allowance.burn.put(item);
  }

  /** Sets what the sums hold of an item whose resource is settled. */
  private lookAt(allowance: Allowance, item: AllowanceItem): void {
    this.stats.itemsLookedAt += 1;
    const nowNs = this.clock.nowNs;
    item.committed = item.priceOf(item.consumed + item.inFlight);
    item.slope = 0n;
    item.lookedAtNs = nowNs;
    const incarnation = item.resource;
    const rate =
      incarnation !== null && item.countsNow() ? this.hooks.rateOf(incarnation, item.weight.meter) : 0n;
    const freeNs = rate === 0n ? 0n : item.freeLeft / rate;
    if (freeNs < ALLOWANCE_STEP_NS) {
      item.slope = rate * item.unitPrice;
      this.forgetFree(item);
    } else if (item.weight.numerator > 0n) {
      item.freeEnds ??= this.timers.create(() => this.freeEnded(allowance, item));
      this.timers.set(item.freeEnds, nowNs + freeNs);
    }
  }

  private freeEnded(allowance: Allowance, item: AllowanceItem): void {
    if (item.resource !== null) this.hooks.settle(item.resource);
    this.lookAgain(allowance, item);
    this.check(allowance);
  }

  private forgetFree(item: AllowanceItem): void {
    if (item.freeEnds !== null) this.timers.cancel(item.freeEnds);
  }

  /** Sets the timer for the next step. */
  private arm(allowance: Allowance): void {
    const { nextStep, burn, timers } = allowance;
    const nowNs = this.clock.nowNs;
    const dueNs = nextStep === null ? null : burn.reachesNs(nextStep.at, nowNs);
    if (nextStep === null || dueNs === null) this.timers.cancel(timers.step);
    // What was committed by acts is exact, so there is nothing to wait for.
    else if (burn.committed >= nextStep.at) this.timers.set(timers.step, nowNs);
    else this.timers.set(timers.step, maxOf(dueNs, burn.fullLookNs + ALLOWANCE_STEP_NS));
  }

  private climbTo(allowance: Allowance, steps: number): void {
    while (allowance.stepsReached < steps) {
      const step = allowance.ladder[allowance.stepsReached] as AllowanceStep;
      allowance.stepsReached += 1;
      if (allowance.exhausted) this.hooks.exhausted(allowance);
      else if (step.act === 'warn') this.hooks.warned(allowance);
      else this.hooks.throttled(allowance, step);
    }
  }

  /** Takes back the steps above `steps`. */
  private fallTo(allowance: Allowance, steps: number): void {
    const acted = allowance.ladder.slice(steps, allowance.stepsReached).some(({ act }) => act !== 'warn');
    const { exhausted } = allowance;
    allowance.stepsReached = steps;
    if (exhausted || acted) this.hooks.reopened(allowance);
  }

  /** After a new specification: steps that are not reached any more are taken back, others may be reached at once. */
  private reconsider(allowance: Allowance): void {
    const { exhausted, stepsReached } = allowance;
    const wasActing = allowance.ladder.slice(0, stepsReached).some(({ act }) => act !== 'warn');
    allowance.ladder = ladderOf(allowance.spec);
    let reached = Math.min(stepsReached, reachedBy(allowance.ladder, allowance.committed));
    // What has not been exhausted before is told to be, below.
    if (!exhausted) reached = Math.min(reached, allowance.ladder.length - 1);
    allowance.stepsReached = reached;
    const acting = allowance.ladder.slice(0, reached).some(({ act }) => act !== 'warn');
    if (exhausted && reached === allowance.ladder.length) this.hooks.exhausted(allowance);
    else if (exhausted || (wasActing && !acting)) this.hooks.reopened(allowance);
    else if (wasActing || acting) this.hooks.apply(allowance.spec.members);
    this.lookAtAll(allowance);
  }

  private create(spec: AllowanceSpec): Allowance {
    const timers = {
      step: this.timers.create(() => this.check(created)),
      renewal: this.timers.create(() => this.renew(created)),
    };
    const created = new Allowance(spec, timers, (meter) => this.hooks.sharedRateOf(meter));
    this.all.set(spec.id, created);
    return created;
  }

  private setRenewal(allowance: Allowance): void {
    const { renewal } = allowance.spec;
    const nextNs = renewal === undefined ? null : nextRenewalNs(renewal, this.clock.nowNs);
    if (nextNs === null) this.timers.cancel(allowance.timers.renewal);
    else this.timers.set(allowance.timers.renewal, nextNs);
  }

  /** Ends a period at this instant: everything up to here, acts in flight included, counts to it. */
  private renew(allowance: Allowance): void {
    this.settleMembers(allowance);
    const drawn = allowance.committed;
    for (const item of allowance.items) item.renew();
    allowance.carried = 0n;
    this.order += 1;
    allowance.renewedAt = this.order;
    this.setRenewal(allowance);
    this.hooks.renewed(allowance, drawn);
    if (allowance.stepsReached > 0) this.fallTo(allowance, 0);
    this.lookAtAll(allowance);
  }

  private settleMembers(allowance: Allowance): void {
    let last: Incarnation | null = null;
    for (const { resource } of allowance.items) {
      if (resource === null || resource === last) continue;
      this.hooks.settle(resource);
      last = resource;
    }
  }
}

function reachedBy(ladder: readonly AllowanceStep[], committed: bigint): number {
  let reached = 0;
  while (reached < ladder.length && (ladder[reached] as AllowanceStep).at <= committed) reached += 1;
  return reached;
}
