import { assert } from '../base/assert.js';
import { maxOf } from '../base/bigint-math.js';
import { type Answer, answer, refuse } from '../abi/errno.js';
import { LIMITS } from '../limits.js';
import type { Incarnation } from '../meter/incarnation.js';
import { isMeterOf, type Meter } from '../meter/vector.js';
import type { Clock } from '../time/clock.js';
import type { Timers } from '../time/timers.js';
import { Allowance, type AllowanceItem, headroomLastsNs } from './allowance.js';
import type { AllowanceSpec, AllowanceStatus } from './allowance-spec.js';

/** An allowance is looked at again no sooner than this, and no later than this after it may be exhausted. */
export const ALLOWANCE_STEP_NS = 1_000_000n;

export interface AllowanceHooks {
  incarnationOf(resourceId: string): Incarnation | null;
  /** Brings a resource's meters up to now. */
  settle(incarnation: Incarnation): void;
  /** The fastest a meter can grow per ns from now on, acts (bytes, operations) left out. */
  rateOf(incarnation: Incarnation, meter: Meter): bigint;
  warned(allowance: Allowance): void;
  exhausted(allowance: Allowance): void;
  reopened(allowance: Allowance): void;
  /** Resources that an exhausted allowance has no say in any more. */
  left(resourceIds: readonly string[]): void;
}

/** Something that is about to happen, in the units of the meters it will move. */
export interface Act {
  resourceId: string;
  meter: Meter;
  quantity: bigint;
}

/** What an admitted act holds until it has been metered or has failed. */
export type Reservation = { item: AllowanceItem; quantity: bigint }[];

/**
 * Design: balances drawn from cumulative totals. A full evaluation settles the members, prices everything and sets a
 * timer for the earliest instant at which the balance can be gone at the highest possible burn; nothing is scanned in
 * between. The price is convex in time, so up to that instant at most the proportional part of the headroom is gone:
 * an act is admitted from that bound in O(1), and only near the end by a full evaluation.
 * Invariants: drawn = carried + sum of ceil(max(0, consumed - free) * numerator / denominator); drawn plus what is in
 * flight reaches the balance only by an evaluation at most one step late; no act is admitted beyond the balance of an
 * allowance that pauses.
 * Units: the allowance's own; the host does not know what they mean.
 */
export class Allowances {
  private readonly all = new Map<string, Allowance>();
  private readonly byResource = new Map<string, Set<Allowance>>();
  private readonly itemsByResource = new Map<string, { allowance: Allowance; item: AllowanceItem }[]>();

  constructor(
    private readonly clock: Clock,
    private readonly timers: Timers,
    private readonly hooks: AllowanceHooks,
  ) {}

  /** Sets or replaces an allowance. EINVAL names the field; E2BIG when there are too many. */
  set(spec: AllowanceSpec): Answer<AllowanceStatus> {
    const wrong = faultIn(spec);
    if (wrong !== null) return refuse('EINVAL', wrong);
    let allowance = this.all.get(spec.id);
    if (allowance === undefined) {
      if (this.all.size >= LIMITS.allowancesMax)
        return refuse('E2BIG', `allowances: at most ${LIMITS.allowancesMax}`);
      const created: Allowance = new Allowance(
        spec,
        this.timers.create(() => this.evaluate(created)),
      );
      allowance = created;
      this.all.set(spec.id, allowance);
    } else {
      this.settleMembers(allowance);
      this.unindex(allowance);
    }
    const before = allowance.exhausted ? allowance.spec.members : [];
    allowance.spec = spec;
    for (const item of allowance.replaceItems(spec.weights)) {
      const incarnation = this.hooks.incarnationOf(item.weight.resourceId);
      if (incarnation === null) continue;
      this.hooks.settle(incarnation);
      item.follow(incarnation, true);
    }
    this.index(allowance);
    const members = new Set(spec.members);
    const gone = before.filter((id) => !members.has(id));
    if (gone.length > 0) this.hooks.left(gone);
    this.reconsider(allowance);
    return answer(allowance.status());
  }

  /** Forgets an allowance; what it held runs again. ENOENT when there is none. */
  remove(id: string): Answer<AllowanceStatus> {
    const allowance = this.all.get(id);
    if (allowance === undefined) return refuse('ENOENT', `allowance ${id}`);
    this.settleMembers(allowance);
    const status = allowance.status();
    this.timers.cancel(allowance.timer);
    this.unindex(allowance);
    this.all.delete(id);
    if (allowance.exhausted) {
      allowance.exhausted = false;
      this.hooks.reopened(allowance);
    }
    return answer(status);
  }

  list(): AllowanceStatus[] {
    return [...this.all.values()].map((allowance) => {
      this.settleMembers(allowance);
      return allowance.status();
    });
  }

  /** What exhausted allowances ask of a domain. */
  policyFor(resourceId: string): { pause: boolean; throttle: boolean } {
    const policy = { pause: false, throttle: false };
    for (const a of this.byResource.get(resourceId) ?? []) {
      if (!a.exhausted || !a.spec.members.includes(resourceId)) continue;
      if (a.spec.policy === 'pause') policy.pause = true;
      if (a.spec.policy === 'throttle') policy.throttle = true;
    }
    return policy;
  }

  opened(incarnation: Incarnation): void {
    for (const { item } of this.itemsByResource.get(incarnation.resourceId) ?? [])
      item.follow(incarnation, false);
    this.changed(incarnation.resourceId);
  }

  /** Call after the last accrual and before the incarnation is gone. */
  closed(incarnation: Incarnation): void {
    for (const { item } of this.itemsByResource.get(incarnation.resourceId) ?? []) {
      if (item.resource === incarnation) item.unfollow();
    }
    this.changed(incarnation.resourceId);
  }

  /** A member may burn at another rate from now on. */
  changed(resourceId: string): void {
    for (const allowance of [...(this.byResource.get(resourceId) ?? [])]) this.evaluate(allowance);
  }

  /**
   * Admits acts whose price fits the balance of every allowance that pauses; null otherwise, and then each allowance
   * that could not pay is exhausted. Give the reservation back with `release` once the acts are metered or failed.
   */
  admit(acts: readonly Act[]): Reservation | null {
    const prices = new Map<Allowance, bigint>();
    const reservation: Reservation = [];
    for (const act of acts) {
      for (const { allowance, item } of this.itemsByResource.get(act.resourceId) ?? []) {
        const { meter, state } = item.weight;
        if (meter !== act.meter || (state !== 'any' && state !== item.resource?.state)) continue;
        const before = item.consumed + item.inFlight;
        const price = item.priceOf(before + act.quantity) - item.priceOf(before);
        prices.set(allowance, (prices.get(allowance) ?? 0n) + price);
        reservation.push({ item, quantity: act.quantity });
      }
    }
    for (const [allowance, price] of prices) if (!this.fits(allowance, price)) return null;
    for (const { item, quantity } of reservation) item.inFlight += quantity;
    for (const [allowance, price] of prices) this.committed(allowance, price);
    return reservation;
  }

  release(reservation: Reservation): void {
    for (const { item, quantity } of reservation) {
      item.inFlight -= quantity;
      assert(item.inFlight >= 0n, 'a reservation was given back twice');
    }
  }

  private fits(allowance: Allowance, price: bigint): boolean {
    if (allowance.spec.policy !== 'pause') return true;
    if (allowance.exhausted) return false;
    if (price <= this.surelyLeft(allowance)) return true;
    this.evaluate(allowance);
    if (allowance.exhausted) return false;
    if (price <= allowance.outlook.headroom) return true;
    this.exhaust(allowance);
    return false;
  }

  /** A lower bound of the headroom now. */
  private surelyLeft(allowance: Allowance): bigint {
    const { atNs, headroom, lastsNs, acts } = allowance.outlook;
    const left = headroom - acts;
    if (lastsNs === null) return left;
    if (lastsNs === 0n) return 0n;
    return left - (headroom * (this.clock.nowNs - atNs)) / lastsNs - 1n;
  }

  private committed(allowance: Allowance, price: bigint): void {
    if (price === 0n || allowance.exhausted) return;
    allowance.outlook.acts += price;
    this.arm(allowance);
  }

  private evaluate(allowance: Allowance): void {
    if (!this.all.has(allowance.spec.id)) return;
    this.settleMembers(allowance);
    const headroom = allowance.spec.balance - allowance.committed;
    if (
      !allowance.warned &&
      allowance.spec.warnAt !== undefined &&
      allowance.drawn >= allowance.spec.warnAt
    ) {
      allowance.warned = true;
      this.hooks.warned(allowance);
    }
    if (allowance.exhausted) return;
    if (headroom <= 0n) {
      this.exhaust(allowance);
      return;
    }
    const rates = allowance.items.map((item) => this.rateOf(item));
    const lastsNs = headroomLastsNs(this.untilNextEvent(allowance, headroom), allowance.items, rates);
    const wholeNs = headroomLastsNs(headroom, allowance.items, rates);
    allowance.outlook = { atNs: this.clock.nowNs, headroom, lastsNs: wholeNs, acts: 0n };
    if (lastsNs === null) this.timers.cancel(allowance.timer);
    else this.timers.set(allowance.timer, this.clock.nowNs + maxOf(lastsNs, ALLOWANCE_STEP_NS));
  }

  /** What may still be drawn before something has to happen: the warning, or the end. */
  private untilNextEvent(allowance: Allowance, headroom: bigint): bigint {
    const { warnAt, balance } = allowance.spec;
    if (allowance.warned || warnAt === undefined || warnAt >= balance) return headroom;
    const untilWarn = warnAt - allowance.drawn;
    return untilWarn < headroom ? untilWarn : headroom;
  }

  /** Moves the timer forward by what the acts since the evaluation have taken. */
  private arm(allowance: Allowance): void {
    const { atNs, headroom, lastsNs, acts } = allowance.outlook;
    const { warnAt } = allowance.spec;
    const warnsNow =
      !allowance.warned && warnAt !== undefined && allowance.spec.balance - headroom + acts >= warnAt;
    if (lastsNs === null) {
      if (acts >= headroom || warnsNow) this.timers.set(allowance.timer, this.clock.nowNs);
      return;
    }
    const dueNs = warnsNow ? this.clock.nowNs : atNs + (lastsNs * maxOf(0n, headroom - acts)) / headroom;
    const soonest = warnsNow ? this.clock.nowNs : maxOf(dueNs, atNs + ALLOWANCE_STEP_NS);
    if (allowance.timer.position < 0 || soonest < allowance.timer.dueNs)
      this.timers.set(allowance.timer, soonest);
  }

  private exhaust(allowance: Allowance): void {
    allowance.exhausted = true;
    this.timers.cancel(allowance.timer);
    this.hooks.exhausted(allowance);
  }

  /** After a new specification: opens, exhausts, or stays. */
  private reconsider(allowance: Allowance): void {
    const spent = allowance.committed >= allowance.spec.balance;
    const { warnAt } = allowance.spec;
    if (warnAt === undefined || allowance.drawn < warnAt) allowance.warned = false;
    if (allowance.exhausted && !spent) {
      allowance.exhausted = false;
      this.hooks.reopened(allowance);
    } else if (allowance.exhausted) {
      this.hooks.exhausted(allowance);
    }
    this.evaluate(allowance);
  }

  private rateOf(item: AllowanceItem): bigint {
    const incarnation = item.resource;
    if (incarnation === null) return 0n;
    const { meter, state } = item.weight;
    if (state !== 'any' && state !== incarnation.state) return 0n;
    return this.hooks.rateOf(incarnation, meter);
  }

  private settleMembers(allowance: Allowance): void {
    let last: Incarnation | null = null;
    for (const { resource } of allowance.items) {
      if (resource === null || resource === last) continue;
      this.hooks.settle(resource);
      last = resource;
    }
  }

  private index(allowance: Allowance): void {
    const ids = new Set([...allowance.spec.members, ...allowance.spec.weights.map((w) => w.resourceId)]);
    for (const id of ids) {
      const set = this.byResource.get(id) ?? new Set();
      set.add(allowance);
      this.byResource.set(id, set);
    }
    for (const item of allowance.items) {
      const list = this.itemsByResource.get(item.weight.resourceId) ?? [];
      list.push({ allowance, item });
      this.itemsByResource.set(item.weight.resourceId, list);
    }
  }

  private unindex(allowance: Allowance): void {
    for (const [id, set] of this.byResource) {
      set.delete(allowance);
      if (set.size === 0) this.byResource.delete(id);
    }
    for (const item of allowance.items) {
      const id = item.weight.resourceId;
      const rest = (this.itemsByResource.get(id) ?? []).filter((entry) => entry.allowance !== allowance);
      if (rest.length === 0) this.itemsByResource.delete(id);
      else this.itemsByResource.set(id, rest);
    }
  }
}

/** The first thing wrong with a specification, naming field, limit and value; null when it is sound. */
function faultIn(spec: AllowanceSpec): string | null {
  if (spec.id.length === 0 || spec.id.length > 200) return `id: 1 to 200 characters, got ${spec.id.length}`;
  if (spec.balance < 0n) return `balance: at least 0, got ${spec.balance}`;
  if (!['warn', 'throttle', 'pause'].includes(spec.policy))
    return `policy: warn, throttle or pause, got ${spec.policy}`;
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
