import { minOf, maxOf } from '../base/bigint-math.js';
import { CPU_MODEL } from '../abi/cpu-model.js';
import type { Domain } from '../domain/domain.js';
import { PRIORITY, type Priority, type Vcpu } from '../domain/vcpu.js';
import type { Incarnation } from '../meter/incarnation.js';
import type { Clock } from '../time/clock.js';
import type { Timer, Timers } from '../time/timers.js';
import { capBudgetNs } from './cap-budget.js';
import { CapParking } from './cap-parking.js';
import { CpuBooks } from './cpu-books.js';
import { CreditAccounts, SLICE_NS, TICK_NS } from './credit.js';
import { Pcpu } from './pcpu.js';

/** A vCPU that just began is not preempted before this (Xen's ratelimit). */
const RATELIMIT_NS = 1_000_000n;

export interface SchedulerHooks {
  /** Lets a guest go on. Afterwards it has work to pay for, or no longer wants the CPU, or yields. */
  execute(vcpu: Vcpu): 'stay' | 'yield';
  /** The open incarnation of a domain, for work done on its behalf. */
  incarnationOf(domId: number): Incarnation | null;
}

/**
 * Design: Xen's credit scheduler on a queue per pCPU and priority. Time passes only between steps; each pCPU knows
 * when it has to be looked at next. Execution is charged from exact times at each switch and at each settling, never
 * sampled. A pCPU with nothing good enough takes from its peers, so it idles only when nobody waits.
 * Invariants: a vCPU is executing, waiting in one queue, or neither; an idle or lost pCPU has no current vCPU; each
 * pCPU's own + on-behalf + overhead + idle + lost is its elapsed time after `settle`.
 */
export class Scheduler {
  readonly pcpus: Pcpu[] = [];
  readonly stats = { slices: 0, contextSwitches: 0, runnableVcpus: 0 };
  private readonly credit: CreditAccounts;
  private readonly tickTimer: Timer;
  private readonly parking: CapParking;
  readonly books: CpuBooks;

  constructor(
    private readonly clock: Clock,
    private readonly timers: Timers,
    pcpus: number,
    private readonly hooks: SchedulerHooks,
  ) {
    for (let i = 0; i < pcpus; i += 1) this.pcpus.push(new Pcpu(i));
    this.credit = new CreditAccounts(pcpus, (vcpu, priority) => this.setPriority(vcpu, priority));
    this.books = new CpuBooks(clock, (domId) => hooks.incarnationOf(domId));
    this.parking = new CapParking(
      clock,
      timers,
      () => this.settleAll(),
      (vcpu) => this.refresh(vcpu),
    );
    this.tickTimer = timers.create(() => this.tick());
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
    this.credit.catchUp(vcpu, this.clock.nowNs);
    if (vcpu.priority === PRIORITY.UNDER && !vcpu.parked) vcpu.priority = PRIORITY.BOOST;
    this.refresh(vcpu);
  }

  /** Takes note that a vCPU may or may no longer want the CPU. */
  refresh(vcpu: Vcpu): void {
    if (vcpu.runningOn >= 0) {
      const p = this.pcpus[vcpu.runningOn] as Pcpu;
      // A switch under way ends first; its end sees that the vCPU is no longer wanted.
      if (!vcpu.wantsCpu && p.mode === 'executing') this.lookAt(p, this.clock.nowNs);
      return;
    }
    if (vcpu.wantsCpu) {
      if (vcpu.queued) return;
      this.books.setRunstate(vcpu, 'runnable');
      const p = this.placeFor(vcpu);
      this.enqueue(vcpu, p);
      this.tickle(p, vcpu);
      return;
    }
    if (vcpu.queued) this.dequeue(vcpu);
    this.books.setRunstate(vcpu, vcpu.blocked ? 'blocked' : 'offline');
  }

  /** Takes a destroyed domain out of the scheduler; no time may pass before the next step. */
  forget(domain: Domain): void {
    for (const vcpu of domain.vcpus) {
      if (vcpu.runningOn >= 0) this.leaveNow(this.pcpus[vcpu.runningOn] as Pcpu, vcpu);
      if (vcpu.queued) this.dequeue(vcpu);
      if (vcpu.wakeTimer !== null) this.timers.cancel(vcpu.wakeTimer);
      this.credit.deactivate(vcpu, this.clock.nowNs);
    }
    this.parking.forget(domain);
  }

  /** Work of Xen itself, done by the pCPU that has least of it waiting; it is nobody's bill. */
  addOverhead(costNs: bigint): void {
    let least = this.pcpus[0] as Pcpu;
    for (const p of this.pcpus) if (p.debtNs < least.debtNs || (p.idle && !least.idle)) least = p;
    least.debtNs += costNs;
    if (least.idle) this.lookAt(least, this.clock.nowNs);
  }

  /** A cap was set or lifted: domains that parked under the old one are looked at again. */
  capChanged(domain: Domain): void {
    this.settleAll();
    if (domain.effectiveCap === 0 || capBudgetNs(domain, this.clock.nowNs) > 0n) this.parking.unpark(domain);
    for (const v of domain.vcpus) {
      const p = v.runningOn < 0 ? undefined : this.pcpus[v.runningOn];
      if (p?.mode === 'executing') this.lookAt(p, this.clock.nowNs);
    }
  }

  /** From now on no vCPU executes and the time of every pCPU is lost. */
  beginLost(): void {
    for (const p of this.pcpus) {
      this.books.settle(p);
      if (p.mode === 'overhead' && p.nextNs !== null) p.debtNs += p.nextNs - this.clock.nowNs;
      const vcpu = p.current;
      p.current = null;
      p.mode = 'lost';
      p.nextNs = null;
      p.giveWayNs = null;
      if (vcpu === null) continue;
      vcpu.runningOn = -1;
      if (vcpu.wantsCpu) {
        this.books.setRunstate(vcpu, 'runnable');
        vcpu.home = p.id;
        p.queueOf(vcpu.priority).pushHead(vcpu);
        this.stats.runnableVcpus += 1;
      } else this.refresh(vcpu);
    }
  }

  endLost(): void {
    for (const p of this.pcpus) {
      this.books.settle(p);
      p.mode = 'idle';
      // Each takes up its own first; one with nothing of its own is woken when a peer has too much.
      if (p.best !== null || p.debtNs > 0n) this.lookAt(p, this.clock.nowNs);
    }
  }

  private step(p: Pcpu): void {
    this.books.settle(p);
    p.nextNs = null;
    const vcpu = p.current;
    if (p.mode === 'overhead' && vcpu !== null && vcpu.wantsCpu) this.begin(p, vcpu);
    if (p.mode !== 'executing' || vcpu === null) {
      this.schedule(p);
      return;
    }
    const nowNs = this.clock.nowNs;
    let yields = false;
    if (vcpu.wantsCpu && vcpu.pendingNs === 0n) yields = this.hooks.execute(vcpu) === 'yield';
    // The guest's act may have taken the vCPU away (its domain was destroyed).
    if (p.current !== vcpu) return;
    if (vcpu.domain.effectiveCap > 0 && this.parking.refill(vcpu.domain) <= 0n)
      this.parking.park(vcpu.domain);
    const over = nowNs >= p.sliceEndNs || (p.giveWayNs !== null && nowNs >= p.giveWayNs);
    if (yields || over || !vcpu.wantsCpu) this.schedule(p);
    else this.plan(p, vcpu);
  }

  /** Chooses what the pCPU does next and pays for the switch. */
  private schedule(p: Pcpu): void {
    const previous = p.current;
    if (previous !== null) {
      p.current = null;
      previous.runningOn = -1;
      if (previous.wantsCpu) {
        this.books.setRunstate(previous, 'runnable');
        this.enqueue(previous, p);
      } else this.books.setRunstate(previous, previous.blocked ? 'blocked' : 'offline');
    }
    p.giveWayNs = null;
    const next = this.pickNext(p);
    let costNs = p.debtNs;
    p.debtNs = 0n;
    if (next !== null) {
      this.dequeue(next);
      next.home = p.id;
      next.runningOn = p.id;
      p.current = next;
      if (next !== p.lastRan) {
        costNs += CPU_MODEL.contextSwitchNs;
        this.stats.contextSwitches += 1;
      }
      this.wakeIdlePeer(p);
    }
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
    p.sliceEndNs = this.clock.nowNs + SLICE_NS;
    this.stats.slices += 1;
    this.books.setRunstate(vcpu, 'running');
    if (vcpu.domain.effectiveCap > 0) this.parking.refill(vcpu.domain);
    this.credit.activate(vcpu, this.clock.nowNs);
    this.ensureTick();
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

  private setPriority(vcpu: Vcpu, priority: Priority): void {
    if (vcpu.priority === priority) return;
    if (!vcpu.queued) {
      vcpu.priority = priority;
      return;
    }
    this.dequeue(vcpu);
    vcpu.priority = priority;
    this.enqueue(vcpu, this.pcpus[vcpu.home] as Pcpu);
  }

  private enqueue(vcpu: Vcpu, p: Pcpu): void {
    vcpu.home = p.id;
    p.queueOf(vcpu.priority).pushTail(vcpu);
    this.stats.runnableVcpus += 1;
  }

  private dequeue(vcpu: Vcpu): void {
    (this.pcpus[vcpu.home] as Pcpu).queueOf(vcpu.priority).remove(vcpu);
    this.stats.runnableVcpus -= 1;
  }

  private placeFor(vcpu: Vcpu): Pcpu {
    const home = this.pcpus[vcpu.home] as Pcpu;
    if (home.idle && home.nextNs === null) return home;
    for (const p of this.pcpus) if (p.idle && p.nextNs === null) return p;
    return home;
  }

  private tickle(p: Pcpu, vcpu: Vcpu): void {
    if (p.mode === 'lost') return;
    if (p.current === null) {
      if (p.idle) this.lookAt(p, this.clock.nowNs);
      return;
    }
    if (vcpu.priority >= p.current.priority) return;
    p.giveWayNs = maxOf(this.clock.nowNs, p.startedNs + RATELIMIT_NS);
    if (p.mode === 'executing') this.lookAt(p, p.giveWayNs);
  }

  private lookAt(p: Pcpu, atNs: bigint): void {
    if (p.mode === 'lost') return;
    if (p.nextNs === null || atNs < p.nextNs) p.nextNs = atNs;
  }

  /** The best vCPU of this pCPU's queues, or a strictly better one of a peer when its own has used up its credit. */
  private pickNext(p: Pcpu): Vcpu | null {
    let best = p.best;
    if (best !== null && best.priority < PRIORITY.OVER) return best;
    for (let i = 1; i < this.pcpus.length; i += 1) {
      const peer = (this.pcpus[(p.id + i) % this.pcpus.length] as Pcpu).best;
      if (peer !== null && (best === null || peer.priority < best.priority)) best = peer;
    }
    return best;
  }

  private wakeIdlePeer(p: Pcpu): void {
    if (p.best === null) return;
    const idle = this.pcpus.find((peer) => peer.idle && peer.nextNs === null);
    if (idle !== undefined) this.lookAt(idle, this.clock.nowNs);
  }

  /** Takes a vCPU off its pCPU at this instant. */
  private leaveNow(p: Pcpu, vcpu: Vcpu): void {
    this.books.settle(p);
    if (p.mode === 'overhead' && p.nextNs !== null) p.debtNs += p.nextNs - this.clock.nowNs;
    vcpu.runningOn = -1;
    p.current = null;
    if (p.lastRan === vcpu) p.lastRan = null;
    p.mode = 'idle';
    p.nextNs = this.clock.nowNs;
  }

  private ensureTick(): void {
    if (this.tickTimer.position >= 0) return;
    this.timers.set(this.tickTimer, (this.clock.nowNs / TICK_NS + 1n) * TICK_NS);
  }

  /** Every 10 ms while anybody is active: boosts end; every third tick hands out credit. */
  private tick(): void {
    for (const p of this.pcpus) {
      this.books.settle(p);
      if (p.current !== null && p.current.priority === PRIORITY.BOOST) p.current.priority = PRIORITY.UNDER;
    }
    if (this.clock.nowNs % SLICE_NS === 0n) this.credit.account(this.clock.nowNs);
    if (this.credit.anyActive) this.ensureTick();
  }
}
