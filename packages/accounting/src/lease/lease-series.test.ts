import { describe, expect, test } from '@jest/globals';
import type { Prng } from '../base/prng.fixture.js';
import { prng, testSeed } from '../base/prng.fixture.js';
import { compareRatio, ratio } from '../base/ratio.js';
import { testPlan, testPrice } from '../catalog/plan.fixture.js';
import type { PlanVersion, Price } from '../catalog/plan.js';
import type { Assignment } from '../rating/assignment.js';
import { rateTotals } from '../rating/rate.js';
import type { RatingTerms } from '../rating/rate.js';
import type { UsageTotal, UsageTotals } from '../rating/total-usage.js';
import { hypotheticalTotal } from '../rating/total-usage.js';
import { lowerAuthorised } from './authorise.js';
import type { InvariantOneInput, OutstandingSeries } from './invariant-one.js';
import { checkInvariantOne, landingSpentPico } from './invariant-one.js';
import type { LeaseItem } from './lease-draw.js';
import { drawnPico, quantityThatFits } from './lease-draw.js';
import { openSeries, renewSeries } from './lease-series.js';

const SEED = testSeed(process.env['XENORACK_TEST_SEED'], 20_261_122n);
const RUNS = 10_000n;
const PERIOD = { fromNs: 0n, toNs: 1_000_000n };

/** One series as its host knows it, beside what the control plane knows. */
interface HostSeries {
  outstanding: OutstandingSeries;
  readonly consumed: bigint[];
  /** What the host was told so far; renewals may still be on their way. */
  hostAuthorisedPico: bigint;
  ended: boolean;
  readonly landingPico: bigint;
}

interface World {
  readonly random: Prng;
  readonly resources: readonly string[];
  readonly assignments: Assignment[];
  readonly plans: PlanVersion[];
  readonly series: HostSeries[];
  /** Settled usage of series that are over. */
  readonly closed: UsageTotal[];
  readonly fixedPico: bigint;
  landingReservePico: bigint;
  capPico: bigint;
  nowNs: bigint;
  serial: bigint;
}

function randomPrices(random: Prng): Price[] {
  const included = () => (random.chance(60n) ? random.below(5_000n) : 0n);
  const group = random.chance(50n) ? { capGroup: 'compute' } : {};
  const prices = [
    testPrice('cpu.ns', random.below(900n), 1n + random.below(70n), {
      includedQuantity: included(),
      ...group,
    }),
    testPrice('memory.frame_ns', random.below(90n), 1n + random.below(70n), {
      includedQuantity: included(),
      ...group,
    }),
    testPrice('net.public.tx.bytes', 1n + random.below(50n), 1n + random.below(9n), {
      includedQuantity: included(),
    }),
  ];
  // A second price on the same meter: one unit of cpu then counts for both.
  if (random.chance(30n))
    prices.push(testPrice('cpu.ns', random.below(100n), 7n, { item: 'burst', includedQuantity: included() }));
  return prices;
}

function randomPlan(world: Pick<World, 'random' | 'plans'>): PlanVersion {
  const cap = { group: 'compute', monthlyCapPico: world.random.below(60_000n) };
  const plan = testPlan(`v${world.plans.length}`, randomPrices(world.random), [cap]);
  world.plans.push(plan);
  return plan;
}

function newWorld(random: Prng): World {
  const resources = Array.from({ length: 1 + Number(random.below(3n)) }, (_, index) => `domain-${index}`);
  const base = { random, plans: [] as PlanVersion[] };
  const plan = randomPlan(base);
  const assignments = resources.map((resourceId) => assignmentOf(resourceId, plan, 0n));
  const fixedPico = random.below(500n);
  const landingReservePico = random.below(2_000n);
  return {
    ...base,
    resources,
    assignments,
    series: [],
    closed: [],
    fixedPico,
    landingReservePico,
    capPico: fixedPico + landingReservePico + random.below(150_000n),
    nowNs: 1n,
    serial: 0n,
  };
}

function assignmentOf(resourceId: string, plan: PlanVersion, fromNs: bigint): Assignment {
  return { resourceId, capScopeId: resourceId, planVersionId: plan.planVersionId, fromNs, toNs: null };
}

function termsOf(world: World, assignments: readonly Assignment[] = world.assignments): RatingTerms {
  return { period: PERIOD, currency: 'EUR', planVersions: world.plans, assignments, fees: [] };
}

function usageOf(world: World, which: 'settled' | 'consumed'): UsageTotals {
  const open = world.series.flatMap((each) =>
    totalsOf(each.outstanding.items, which === 'settled' ? each.outstanding.settled : each.consumed),
  );
  return { totals: [...world.closed, ...open], undecided: [], unassigned: [] };
}

function totalsOf(items: readonly LeaseItem[], quantities: readonly bigint[]): UsageTotal[] {
  return items.map(({ resourceId, planVersionId, meter, state }, place) =>
    hypotheticalTotal({ resourceId, planVersionId, meter, state, quantity: quantities[place] ?? 0n }),
  );
}

function tenantOf(world: World): InvariantOneInput {
  return {
    terms: termsOf(world),
    usage: usageOf(world, 'settled'),
    series: world.series.map((each) => each.outstanding),
    fixedPico: world.fixedPico,
    landingReservePico: world.landingReservePico,
    capPico: world.capPico,
  };
}

function loanTerms(random: Prng) {
  return { ratePerHourPico: random.below(90_000n), minimumPico: random.below(400n) };
}

function open(world: World): void {
  // A host takes some of the resources that no running series holds.
  const held = new Set(
    world.series.filter((s) => !s.ended).flatMap((s) => s.outstanding.items.map((i) => i.resourceId)),
  );
  const free = world.resources.filter((resourceId) => !held.has(resourceId));
  if (free.length === 0) return;
  const taken = free.slice(0, 1 + Number(world.random.below(BigInt(free.length))));
  const leased = taken.map((resourceId) => {
    const current = world.assignments.filter(
      (each) => each.resourceId === resourceId && each.toNs === null,
    )[0];
    const plan = world.plans.find((each) => each.planVersionId === current?.planVersionId) as PlanVersion;
    return { resourceId, plan, states: ['running', 'paused'] as const };
  });
  world.serial += 1n;
  const opened = openSeries(tenantOf(world), `series-${world.serial}`, leased, loanTerms(world.random));
  if (!opened.ok) throw new Error(opened.error.message);
  const taken0 = world.series.reduce((sum, each) => sum + each.landingPico, 0n);
  world.series.push({
    outstanding: opened.value,
    consumed: opened.value.items.map(() => 0n),
    hostAuthorisedPico: opened.value.authorisedPico,
    ended: false,
    landingPico: world.random.below(world.landingReservePico - taken0 + 1n),
  });
}

/** A host burns at most what it was told; a stopped one lives on its part of the landing reserve with paused memory. */
function burn(world: World): void {
  const running = world.series.filter((each) => !each.ended && each.outstanding.items.length > 0);
  if (running.length === 0) return;
  const host = world.random.pick(running);
  const { items } = host.outstanding;
  const landing = world.random.chance(15n);
  const place = Number(world.random.below(BigInt(items.length)));
  const item = items[place] as (typeof items)[number];
  if (landing && item.state !== 'paused') return;
  const limitPico = host.hostAuthorisedPico + (landing ? host.landingPico : 0n);
  const consumed = host.consumed[place] ?? 0n;
  const drawnBefore = drawnPico(items, host.consumed);
  const room = quantityThatFits(item, consumed, limitPico - drawnBefore);
  const most = room ?? 10_000n;
  host.consumed[place] = consumed + (world.random.chance(40n) ? most : world.random.below(most + 1n));
  const drawn = drawnPico(items, host.consumed);
  if (drawn > (drawnBefore > limitPico ? drawnBefore : limitPico)) throw new Error('the host drew too much');
}

/** Readings arrive late, and item by item in any order. */
function settle(world: World, everything = false): void {
  const chosen = everything || world.series.length === 0 ? world.series : [world.random.pick(world.series)];
  for (const each of chosen) {
    const settled = each.outstanding.settled.map((before, place) => {
      const consumed = each.consumed[place] ?? 0n;
      return everything ? consumed : before + world.random.below(consumed - before + 1n);
    });
    each.outstanding = { ...each.outstanding, settled };
  }
}

/** The control plane raises the total; the message may be lost or late, the host keeps the highest it saw. */
function renew(world: World): void {
  const running = world.series.filter((each) => !each.ended);
  if (running.length === 0) return;
  const host = world.random.pick(running);
  const renewed = renewSeries(tenantOf(world), host.outstanding.seriesId, loanTerms(world.random));
  if (!renewed.ok) throw new Error(renewed.error.message);
  if (renewed.value.authorisedPico < host.outstanding.authorisedPico) throw new Error('a renewal lowered');
  host.outstanding = { ...host.outstanding, authorisedPico: renewed.value.authorisedPico };
  if (world.random.chance(70n)) host.hostAuthorisedPico = renewed.value.authorisedPico;
}

/** A new plan version is admitted only if I1 holds under it; the cut ends the series that hold the resource. */
function changePrice(world: World): void {
  const resourceId = world.random.pick(world.resources);
  const plan = world.random.chance(30n) ? world.random.pick(world.plans) : randomPlan(world);
  const changed = world.assignments.map((each) =>
    each.resourceId === resourceId && each.toNs === null ? { ...each, toNs: world.nowNs } : each,
  );
  changed.push(assignmentOf(resourceId, plan, world.nowNs));
  const admitted = checkInvariantOne({ ...tenantOf(world), terms: termsOf(world, changed) });
  if (!admitted.ok) throw new Error(admitted.error.message);
  if (!admitted.value.holds) return;
  world.assignments.splice(0, world.assignments.length, ...changed);
  for (const each of world.series) {
    if (each.outstanding.items.some((item) => item.resourceId === resourceId)) each.ended = true;
  }
}

/** A host leaves (migration, restart) or a settled series is over and gives its money back. */
function end(world: World): void {
  if (world.series.length === 0) return;
  const each = world.random.pick(world.series);
  each.ended = true;
  if (world.random.chance(50n)) return;
  const { items, settled } = each.outstanding;
  if (each.consumed.some((consumed, place) => consumed !== settled[place])) return;
  world.landingReservePico -= landingSpentPico(each.outstanding);
  world.closed.push(...totalsOf(items, settled));
  world.series.splice(world.series.indexOf(each), 1);
}

/** The host confirms a lower total: what it drew stays authorised. */
function lower(world: World): void {
  if (world.series.length === 0) return;
  const host = world.random.pick(world.series);
  const wished = world.random.below(host.outstanding.authorisedPico + 1n);
  const drawn = drawnPico(host.outstanding.items, host.consumed);
  host.outstanding = {
    ...host.outstanding,
    authorisedPico: lowerAuthorised(host.outstanding, wished, drawn),
  };
  host.hostAuthorisedPico = host.outstanding.authorisedPico;
}

/** A burn moves only the true bill, every other act only what the control plane knows: each step checks what moved. */
function expectInvariants(world: World, context: string, act: unknown): void {
  if (act !== burn) {
    const invariant = checkInvariantOne(tenantOf(world));
    if (!invariant.ok) throw new Error(`${context}: ${invariant.error.message}`);
    if (!invariant.value.holds) throw new Error(`${context}: I1 broken by ${invariant.value.slackPico.num}`);
    return;
  }
  const truth = rateTotals(termsOf(world), usageOf(world, 'consumed'));
  if (!truth.ok) throw new Error(`${context}: ${truth.error.message}`);
  const room = ratio(world.capPico - world.fixedPico);
  if (compareRatio(truth.value.totalPico, room) > 0) throw new Error(`${context}: the bill passed the cap`);
}

describe(`lease series (seed ${SEED})`, () => {
  test('C3-I1: in 10,000 random runs of hosts, delays, renewals and price changes I1 is exact and the bill within the cap', () => {
    const acts = [burn, burn, burn, burn, settle, settle, renew, renew, open, changePrice, end, lower];
    let burnt = 0n;
    for (let run = 0n; run < RUNS; run += 1n) {
      const world = newWorld(prng(SEED * 1_000_003n + run));
      open(world);
      for (let step = 0n; step < 12n; step += 1n) {
        world.nowNs += 1n;
        const act = world.random.pick(acts);
        act(world);
        expectInvariants(world, `seed ${SEED} run ${run} step ${step}`, act);
      }
      settle(world, true);
      expectInvariants(world, `seed ${SEED} run ${run} settled`, settle);
      expectInvariants(world, `seed ${SEED} run ${run} settled`, burn);
      burnt += world.series.reduce((sum, each) => sum + drawnPico(each.outstanding.items, each.consumed), 0n);
    }
    // The runs did spend: a test in which nothing is drawn proves nothing.
    expect(burnt > RUNS * 1_000n).toBe(true);
  }, 600_000);

  test('C4: one host that draws, settles and renews gets the last pico instead of halves for ever', () => {
    const plan = testPlan('v0', [testPrice('cpu.ns', 1n, 1n)]);
    const world: World = {
      ...newWorld(prng(1n)),
      plans: [plan],
      resources: ['domain-0'],
      assignments: [assignmentOf('domain-0', plan, 0n)],
      fixedPico: 0n,
      landingReservePico: 0n,
      capPico: 1_000_000n,
    };
    const terms = { ratePerHourPico: 400_000n, minimumPico: 100n };
    const leased = [{ resourceId: 'domain-0', plan, states: ['running'] as const }];
    const opened = openSeries(tenantOf(world), 'series', leased, terms);
    if (!opened.ok) throw new Error(opened.error.message);
    let series = opened.value;
    expect(series.authorisedPico).toBe(400_000n);
    let renewals = 0;
    for (; renewals < 40; renewals += 1) {
      series = { ...series, settled: [series.authorisedPico] };
      const settled = { resourceId: 'domain-0', planVersionId: 'v0', meter: 'cpu.ns', state: 'running' };
      const usage = [hypotheticalTotal({ ...settled, quantity: series.authorisedPico })];
      const tenant = {
        ...tenantOf(world),
        usage: { totals: usage, undecided: [], unassigned: [] },
        series: [series],
      };
      const renewed = renewSeries(tenant, 'series', terms);
      if (!renewed.ok) throw new Error(renewed.error.message);
      if (!renewed.value.raised) break;
      series = { ...series, authorisedPico: renewed.value.authorisedPico };
    }
    expect(series.authorisedPico).toBe(1_000_000n);
    expect(renewals).toBeLessThan(20);
  });
});
