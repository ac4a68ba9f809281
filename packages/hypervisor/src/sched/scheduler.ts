import { minOf, maxOf } from '../base/bigint-math.js';
import { CPU_MODEL } from '../abi/cpu-model.js';
import type { Domain } from '../domain/domain.js';
import type { Vcpu } from '../domain/vcpu.js';
import type { Clock } from '../time/clock.js';
import type { Timer, Timers } from '../time/timers.js';
import { capBudgetNs, restartCapBudget } from './cap-budget.js';
import { CapParking } from './cap-parking.js';
import { CpuBooks } from './cpu-books.js';
import { Credit, RATELIMIT_NS, SLICE_NS, TICK_NS } from './credit.js';
import { Pcpu } from './pcpu.js';
import { Placement } from './placement.js';

export interface SchedulerHooks {
  /** Lets a guest go on. Afterwards it has work to pay for, or no longer wants the CPU, or yields. */
  execute(vcpu: Vcpu): 'stay' | 'yield';
  domainOf(domId: number): Domain | null;
}

/**
 * Design: Xen's credit scheduler. Time passes only between steps; each pCPU knows when it has to be looked at next.
 * Execution is charged from exact times at each switch and at each settling, never sampled. `Credit` says who goes first.
 * Whoever gives the CPU away by an act of its own has paid for the change, there and back, in the cost of that act; only
 * changes at the end of a slice or for a newcomer are overhead.
 * Invariants: a vCPU is executing, waiting in one queue, or neither; an idle or lost pCPU has no current vCPU; no
 * pCPU is free while a vCPU waits that may execute there; each pCPU's own + on-behalf + overhead + idle + lost is its
 * elapsed time after `settle`.
 */
export class Scheduler {
  readonly pcpus: Pcpu[] = [];
  readonly books: CpuBooks;
  private readonly counts = { slices: 0, contextSwitches: 0 };
  private readonly credit: Credit;
  private readonly parking: CapParking;
  private readonly placement: Placement;
  /** Ends boosts. */
  private readonly tickTimer: Timer;

  constructor(
    private readonly clock: Clock,
    private readonly timers: Timers,
    pcpus: number,
    private readonly hooks: SchedulerHooks,
  ) {
    for (let i = 0; i < pcpus; i += 1) this.pcpus.push(new Pcpu(i));
    const domainOf = (domId: number) => hooks.domainOf(domId);
    this.credit = new Credit(pcpus, domainOf);
    this.books = new CpuBooks(clock, domainOf);
    this.placement = new Placement(this.pcpus, this.credit, clock);
    this.parking = new CapParking(
      clock,
      timers,
      (domain) => this.settleDomain(domain),
      (vcpu) => this.refresh(vcpu),
    );
    this.tickTimer = timers.create(() => this.tick());
  }

  get stats() {
    return { ...this.counts, runnableVcpus: this.credit.waiting };
  }

  /** The next instant at which a pCPU has to be looked at. */
  get nextNs(): bigint | null {
    let next: bigint | null = null;
    for (const p of this.pcpus) if (p.nextNs !== null && (next === null || p.nextNs < next)) next = p.nextNs;
    return next;
  }

  /** Lets every pCPU that is due act, in order. */
  stepDue(): void {
    for (const p of this.pcpus) if (p.nextNs !== null && p.nextNs <= this.clock.nowNs) this.step(p);
  }

  /** Brings the books of every pCPU, and the runstate clocks of what executes, up to now. */
  settleAll(): void {
    for (const p of this.pcpus) this.books.settle(p);
  }

  /** Wakes a blocked vCPU; one that behaved gets ahead of those that only compute. */
  wake(vcpu: Vcpu): void {
    if (!vcpu.blocked) return;
    vcpu.blocked = false;
    if (vcpu.wakeTimer !== null) this.timers.cancel(vcpu.wakeTimer);
    this.update(vcpu, true);
  }

  /** Takes note that a vCPU may or may no longer want the CPU. */
  refresh(vcpu: Vcpu): void {
    this.update(vcpu, false);
  }

  /** Puts a vCPU on line or off line, as `VCPUOP_up` and `VCPUOP_down` do. */
  setOnline(vcpu: Vcpu, online: boolean): void {
    vcpu.online = online;
    this.refresh(vcpu);
  }

  /** Takes a destroyed domain out of the scheduler; no time may pass before the next step. */
  forget(domain: Domain): void {
    for (const vcpu of domain.vcpus) {
      if (vcpu.runningOn >= 0) this.leaveNow(this.pcpus[vcpu.runningOn] as Pcpu, vcpu);
      if (vcpu.queueAt >= 0) this.credit.leave(vcpu);
      if (vcpu.wakeTimer !== null) this.timers.cancel(vcpu.wakeTimer);
      this.credit.forget(vcpu);
    }
    this.parking.forget(domain);
  }

  /** Work of Xen itself, done by the pCPU that has least of it waiting; it is nobody's bill. */
  addOverhead(costNs: bigint): void {
    let least = this.pcpus[0] as Pcpu;
    const idle = (p: Pcpu) => p.mode === 'idle';
    for (const p of this.pcpus) if (p.debtNs < least.debtNs || (idle(p) && !idle(least))) least = p;
    least.debtNs += costNs;
    if (idle(least)) this.placement.lookNow(least);
  }

  setWeight(domain: Domain, weight: number): void {
    this.settleAll();
    for (const vcpu of domain.vcpus) this.credit.reweigh(vcpu, weight);
    domain.weight = weight;
  }

  /** The cap in force was set, changed or lifted: a new one begins now, and domains that parked are looked at again. */
  capChanged(domain: Domain): void {
    this.settleDomain(domain);
    const capped = domain.effectiveCap > 0;
    if (capped) restartCapBudget(domain, this.clock.nowNs);
    if (!capped || capBudgetNs(domain, this.clock.nowNs) > 0n) this.parking.unpark(domain);
    for (const v of domain.vcpus) {
      const p = v.runningOn < 0 ? undefined : this.pcpus[v.runningOn];
      if (p?.mode === 'executing') this.placement.lookNow(p);
    }
  }

  /** Where a vCPU may execute (`hard`, at least one) and would rather (`soft`); an idle preferred pCPU takes it. */
  setAffinity(vcpu: Vcpu, hard: readonly number[], soft: readonly number[]): void {
    this.settleAll();
    const allowed = this.pcpus.map((p) => hard.includes(p.id));
    const preferred = this.pcpus.map((p) => hard.includes(p.id) && soft.includes(p.id));
    // Xen: soft affinity that hard affinity rules out altogether has no effect.
    this.credit.setAffinity(vcpu, allowed, preferred.includes(true) ? preferred : allowed);
    if (vcpu.queueAt >= 0) this.placement.offer(vcpu);
    const p = vcpu.runningOn < 0 ? undefined : this.pcpus[vcpu.runningOn];
    if (p?.mode === 'executing') this.placement.lookNow(p);
  }

  /** The pCPUs where a vCPU may execute, and where of these it would rather. */
  affinityOf(vcpu: Vcpu): { hard: number[]; soft: number[] } {
    const { allowed, preferred } = this.credit.queueOf(vcpu);
    const numbers = (set: readonly boolean[]) => set.flatMap((one, i) => (one ? [i] : []));
    return { hard: numbers(allowed), soft: numbers(preferred) };
  }

  /** From now on no vCPU executes and the time of every pCPU is lost. */
  beginLost(): void {
    for (const p of this.pcpus) {
      this.books.settle(p);
      if (p.mode === 'overhead' && p.nextNs !== null) p.debtNs += p.nextNs - this.clock.nowNs;
      const vcpu = p.current;
      if (vcpu !== null) {
        p.interrupted = vcpu;
        p.sliceLeftNs = p.mode === 'executing' ? p.sliceEndNs - this.clock.nowNs : null;
      }
      p.mode = 'lost';
      p.nextNs = null;
      p.giveWayNs = null;
      if (vcpu !== null) this.letGo(p, vcpu, null);
    }
  }

  endLost(): void {
    for (const p of this.pcpus) {
      this.books.settle(p);
      p.mode = 'idle';
    }
    // Each takes up its own first; one with nothing of its own is woken when others have too much.
    let anyDue = false;
    for (const p of this.pcpus) {
      if (p.debtNs === 0n && (p.interrupted === null || p.interrupted.queueAt < 0)) continue;
      this.placement.lookNow(p);
      anyDue = true;
    }
    if (!anyDue) this.placement.wakeFree();
  }

  private update(vcpu: Vcpu, woken: boolean): void {
    if (vcpu.runningOn >= 0) {
      const p = this.pcpus[vcpu.runningOn] as Pcpu;
      // A switch under way ends first; its end sees that the vCPU is no longer wanted.
      if (!vcpu.wantsCpu && p.mode === 'executing') this.placement.lookNow(p);
    } else if (!vcpu.wantsCpu) {
      if (vcpu.queueAt >= 0) this.credit.leave(vcpu);
      this.rest(vcpu);
    } else if (vcpu.queueAt < 0) {
      this.books.setRunstate(vcpu, 'runnable');
      this.credit.enter(vcpu, this.clock.nowNs, woken);
      this.placement.offer(vcpu);
    }
  }

  private rest(vcpu: Vcpu): void {
    if (vcpu.parked) vcpu.cappedOut = true;
    else vcpu.asleepSinceNs ??= this.clock.nowNs;
    this.books.setRunstate(vcpu, vcpu.blocked ? 'blocked' : 'offline');
  }

  private step(p: Pcpu): void {
    this.books.settle(p);
    p.nextNs = null;
    const vcpu = p.current;
    if (p.mode === 'overhead' && vcpu !== null && vcpu.wantsCpu && this.placement.allows(p, vcpu))
      this.begin(p, vcpu);
    if (p.mode !== 'executing' || vcpu === null) {
      this.schedule(p, false);
      return;
    }
    const nowNs = this.clock.nowNs;
    let yields = false;
    if (vcpu.wantsCpu && vcpu.pendingNs === 0n) {
      this.credit.burn(vcpu);
      yields = this.hooks.execute(vcpu) === 'yield';
      // The guest's act may have taken the vCPU away (its domain was destroyed).
      if (p.current !== vcpu) return;
    }
    const { domain } = vcpu;
    const gone = yields || vcpu.blocked;
    if (gone) vcpu.returnPaid = true;
    if (domain.effectiveCap > 0 && this.parking.refill(domain) <= 0n) this.parking.park(domain);
    const over = nowNs >= p.sliceEndNs || (p.giveWayNs !== null && nowNs >= p.giveWayNs);
    if (gone || over || !vcpu.wantsCpu || !this.placement.allows(p, vcpu)) this.schedule(p, gone);
    else this.plan(p, vcpu);
  }

  /** Chooses what the pCPU does next; `gave` when the vCPU that leaves gave the CPU away and has paid for the change. */
  private schedule(p: Pcpu, gave: boolean): void {
    const previous = p.current;
    // One that yields lets another go first; one that would rather be on a pCPU that is free goes there.
    const waits = previous !== null && previous.wantsCpu;
    const goesTo = waits ? this.placement.freeFor(previous, p) : null;
    let next = waits && (gave || goesTo !== null) ? this.pickNext(p) : null;
    if (next !== null) this.credit.take(next);
    if (previous !== null) this.letGo(p, previous, goesTo);
    if (next === null && goesTo === null) {
      next = this.pickNext(p);
      if (next !== null) this.credit.take(next);
    }
    p.giveWayNs = null;
    p.interrupted = null;
    let costNs = p.debtNs;
    p.debtNs = 0n;
    if (next !== null) {
      next.home = p.id;
      next.runningOn = p.id;
      p.current = next;
      if (next !== p.lastRan) {
        if (!gave && !next.returnPaid) costNs += CPU_MODEL.contextSwitchNs;
        this.counts.contextSwitches += 1;
      }
      next.returnPaid = false;
    }
    this.placement.wakeFree();
    if (costNs > 0n) {
      p.mode = 'overhead';
      p.nextNs = this.clock.nowNs + costNs;
    } else if (next === null) {
      p.mode = 'idle';
      p.nextNs = null;
    } else {
      this.begin(p, next);
      this.plan(p, next);
    }
  }

  private begin(p: Pcpu, vcpu: Vcpu): void {
    p.mode = 'executing';
    p.lastRan = vcpu;
    p.startedNs = this.clock.nowNs;
    p.sliceEndNs = this.clock.nowNs + (p.sliceLeftNs ?? SLICE_NS);
    p.sliceLeftNs = null;
    this.counts.slices += 1;
    this.books.setRunstate(vcpu, 'running');
    if (vcpu.domain.effectiveCap > 0) this.parking.refill(vcpu.domain);
    if (vcpu.boosted && this.tickTimer.position < 0)
      this.timers.set(this.tickTimer, (this.clock.nowNs / TICK_NS + 1n) * TICK_NS);
    if (p.giveWayNs !== null) p.giveWayNs = maxOf(p.giveWayNs, p.startedNs + RATELIMIT_NS);
  }

  /** Fixes the next instant at which something has to happen to an executing vCPU. */
  private plan(p: Pcpu, vcpu: Vcpu): void {
    const nowNs = this.clock.nowNs;
    let nextNs = minOf(nowNs + vcpu.pendingNs, p.sliceEndNs);
    if (p.giveWayNs !== null) nextNs = minOf(nextNs, p.giveWayNs);
    const domain = vcpu.domain;
    if (domain.effectiveCap > 0) {
      let executing = 0n;
      for (const v of domain.vcpus) if (v.runningOn >= 0) executing += 1n;
      nextNs = minOf(nextNs, nowNs + maxOf(domain.capBudgetNs / executing, 1n));
      nextNs = minOf(nextNs, (nowNs / SLICE_NS + 1n) * SLICE_NS);
    }
    p.nextNs = nextNs;
  }

  /** A vCPU leaves its pCPU: it waits again, or rests. */
  private letGo(p: Pcpu, vcpu: Vcpu, goesTo: Pcpu | null): void {
    p.current = null;
    vcpu.runningOn = -1;
    this.credit.release(vcpu);
    if (!vcpu.wantsCpu) {
      this.rest(vcpu);
      return;
    }
    this.books.setRunstate(vcpu, 'runnable');
    this.credit.enter(vcpu, this.clock.nowNs, false);
    if (goesTo !== null) this.placement.lookNow(goesTo);
  }

  /** The best that may execute here; after lost time whoever it interrupted. */
  private pickNext(p: Pcpu): Vcpu | null {
    const { interrupted } = p;
    if (interrupted !== null && interrupted.queueAt >= 0 && this.placement.allows(p, interrupted))
      return interrupted;
    p.sliceLeftNs = null;
    return this.credit.best(p.id);
  }

  /** Takes a vCPU off its pCPU at this instant. */
  private leaveNow(p: Pcpu, vcpu: Vcpu): void {
    this.books.settle(p);
    if (p.mode === 'overhead' && p.nextNs !== null) p.debtNs += p.nextNs - this.clock.nowNs;
    vcpu.runningOn = -1;
    this.credit.release(vcpu);
    p.current = null;
    if (p.lastRan === vcpu) p.lastRan = null;
    p.mode = 'idle';
    p.nextNs = this.clock.nowNs;
  }

  /** Brings what executes, and the runstates of a domain, up to now. */
  private settleDomain(domain: Domain): void {
    this.settleAll();
    for (const vcpu of domain.vcpus) this.books.accrueRunstate(vcpu);
  }

  /** At the next multiple of 10 ms a boost ends: who has used up its credit by then gives way to who has not. */
  private tick(): void {
    for (const p of this.pcpus) {
      const vcpu = p.current;
      if (vcpu === null || !vcpu.boosted) continue;
      this.books.settle(p);
      this.credit.burn(vcpu);
      vcpu.boosted = false;
      const best = this.credit.isUnder(vcpu) ? null : this.credit.best(p.id);
      if (best !== null && this.credit.isUnder(best)) this.placement.giveWay(p);
    }
  }
}
