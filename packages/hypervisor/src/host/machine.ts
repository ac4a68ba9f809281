import { assert } from '../base/assert.js';
import { BoundedQueue } from '../base/bounded-queue.js';
import { Prng } from '../base/prng.js';
import type { PauseCause, PowerState, ShutdownReason } from '../abi/power.js';
import { Allowances } from '../allowance/allowances.js';
import { VIRQ } from '../abi/event.js';
import type { Domain } from '../domain/domain.js';
import type { Vcpu } from '../domain/vcpu.js';
import { VcpuTimers } from '../domain/vcpu-timers.js';
import { Watchdogs } from '../domain/watchdogs.js';
import { GlobalVirqs } from '../event/global-virqs.js';
import type { DomainControl } from '../hypercall/domain-control.js';
import { LIMITS } from '../limits.js';
import { FrameTable } from '../memory/frame-table.js';
import type { MemoryObserver } from '../memory/guest-memory.js';
import { PageTables } from '../memory/page-tables.js';
import { Incarnation } from '../meter/incarnation.js';
import { type MeterReading, readIncarnation } from '../meter/reading.js';
import type { DomainMeter, Meter, ResourceKind, VolumeMeter } from '../meter/vector.js';
import { Scheduler } from '../sched/scheduler.js';
import { Clock } from '../time/clock.js';
import { Timers } from '../time/timers.js';
import { XenstoreServer } from '../xenstore/xenstore-server.js';
import { allowanceHooks } from './allowance-hooks.js';
import { CrashBook } from './lifecycle/crash-book.js';
import { describeEnd } from './lifecycle/crash-record.js';
import { DyingDomains } from './lifecycle/dying-domains.js';
import type { HostConfig } from './host-config.js';
import type { HostEvent } from './host-events.js';
import { executeGuest } from './execute-guest.js';

export interface Volume {
  id: string;
  sizeBytes: bigint;
  incarnation: Incarnation;
  attachedTo: Domain | null;
}

/**
 * Design: what the parts of a host share: time, CPUs, frames, the live domains, volumes and incarnations, the
 * allowances and the events not yet drained. The files beside this one act on it.
 * Invariants: a domain or volume has at most one open incarnation; serials count up from 1 without a gap.
 */
export class Machine {
  readonly clock = new Clock();
  readonly timers = new Timers(this.clock);
  readonly sched: Scheduler;
  readonly frames: FrameTable;
  readonly tables: PageTables;
  /** The toolstack as the privileged reach it; the host sets it before any guest runs. */
  control!: DomainControl;
  /** Sees every frame a guest reaches by loads and stores; for tests. */
  memoryObserver: MemoryObserver | null = null;
  /** Called when a domain is asked to balloon, to publish it. */
  memoryTargetChanged: (domain: Domain) => void = () => undefined;
  readonly prng: Prng;
  readonly allowances: Allowances;
  readonly watchdogs: Watchdogs;
  readonly crashes = new CrashBook();
  readonly dying: DyingDomains;
  /** The vCPU whose guest is being let go on. */
  executing: Vcpu | null = null;
  /** Told when a domain has ended, with everything else about it done. */
  onEnded: (domain: Domain) => void = () => undefined;
  readonly virqs = new GlobalVirqs();
  readonly xenstore = new XenstoreServer();
  readonly domains = new Map<number, Domain>();
  readonly domainsById = new Map<string, Domain>();
  readonly volumes = new Map<string, Volume>();
  /** vCPUs of driver domains: so many can work for others at the same time. */
  driverVcpus = 0;
  /** Open incarnations of what is billed. */
  readonly incarnations = new Map<number, Incarnation>();
  /** What closed incarnations had counted, for the conservation check. */
  readonly closedTotals = new Map<Meter, bigint>();
  readonly events = new BoundedQueue<HostEvent>(LIMITS.eventsQueuedMax);
  readonly stats = { hypercalls: 0, eventsSent: 0, guestExits: 0 };
  /** Called when exhausted allowances opened again, so that backends try what they hold. */
  releaseHolds: () => void = () => undefined;
  private nextSerial = 1;

  constructor(readonly config: HostConfig) {
    this.frames = new FrameTable(config.frames, config.xenFrames);
    this.tables = new PageTables(this.frames);
    this.frames.onOwnedChanged = (domId, frames) => this.ownedChanged(domId, frames);
    this.prng = new Prng(config.seed);
    this.sched = new Scheduler(this.clock, this.timers, config.pcpus, {
      execute: (vcpu) => {
        this.executing = vcpu;
        const then = executeGuest(this, vcpu);
        this.executing = null;
        return then;
      },
      domainOf: (domId) => this.domains.get(domId) ?? null,
    });
    this.dying = new DyingDomains(this);
    this.watchdogs = new Watchdogs(this.clock, this.timers, (domain, id) =>
      this.end(domain, 'watchdog', `watchdog ${id} was not set again in time`),
    );
    this.allowances = new Allowances(this.clock, this.timers, allowanceHooks(this));
  }

  get nowNs(): bigint {
    return this.clock.nowNs;
  }

  emit(event: HostEvent): void {
    assert(this.events.push(event), 'host events are not drained');
  }

  /** Lets time pass to exactly `untilNs`, through every instant at which something happens. */
  advance(untilNs: bigint): void {
    assert(untilNs >= this.nowNs, () => `the host cannot go back from ${this.nowNs} to ${untilNs}`);
    for (;;) {
      const timerNs = this.timers.nextNs;
      const pcpuNs = this.sched.nextNs;
      const nextNs = timerNs === null || (pcpuNs !== null && pcpuNs < timerNs) ? pcpuNs : timerNs;
      if (nextNs === null || nextNs > untilNs) break;
      this.clock.advance(nextNs < this.nowNs ? this.nowNs : nextNs);
      this.timers.fireDue();
      this.sched.stepDue();
    }
    this.clock.advance(untilNs);
  }

  openIncarnation(kind: ResourceKind, resourceId: string, state: PowerState, billed: boolean): Incarnation {
    const serial = billed ? this.nextSerial : 0;
    const incarnation = new Incarnation(serial, kind, resourceId, this.nowNs, state);
    if (!billed) return incarnation;
    this.nextSerial += 1;
    this.incarnations.set(serial, incarnation);
    return incarnation;
  }

  /** Tells the owner, once the resource and its levels are in place; allowances are told by the caller, last. */
  announceOpened(incarnation: Incarnation, domId: number | null): void {
    const reading = readIncarnation(incarnation, this.nowNs);
    this.emit({ type: 'incarnation.opened', atNs: this.nowNs, domId, id: incarnation.resourceId, reading });
  }

  /** The final reading of a settled incarnation. */
  closeIncarnation(incarnation: Incarnation, domId: number | null): MeterReading {
    incarnation.close(this.nowNs);
    const reading = readIncarnation(incarnation, this.nowNs);
    if (!this.incarnations.delete(incarnation.serial)) return reading;
    const closed: readonly Meter[] =
      incarnation.kind === 'domain' ? CONSERVED_DOMAIN_METERS : CONSERVED_VOLUME_METERS;
    for (const meter of closed) {
      this.closedTotals.set(meter, (this.closedTotals.get(meter) ?? 0n) + incarnation.total(meter));
    }
    this.allowances.closed(incarnation);
    this.emit({ type: 'incarnation.closed', atNs: this.nowNs, domId, id: incarnation.resourceId, reading });
    return reading;
  }

  /** Brings an incarnation's meters up to now. */
  settle(incarnation: Incarnation): void {
    if (incarnation.closedNs !== null) return;
    incarnation.accrue(this.nowNs);
    if (incarnation.kind !== 'domain') return;
    this.sched.settleAll();
    const domain = this.domainsById.get(incarnation.resourceId);
    if (domain?.incarnation !== incarnation) return;
    for (const vcpu of domain.vcpus) this.sched.books.accrueRunstate(vcpu);
  }

  settleEverything(): void {
    this.sched.settleAll();
    for (const incarnation of this.incarnations.values()) this.settle(incarnation);
    for (const domain of this.domains.values()) {
      if (domain.identity.driver) for (const vcpu of domain.vcpus) this.sched.books.accrueRunstate(vcpu);
    }
  }

  hold(domain: Domain, cause: PauseCause): void {
    if (domain.holds.has(cause)) return;
    this.change(domain, cause, () => domain.holds.add(cause));
  }

  release(domain: Domain, cause: PauseCause): void {
    if (!domain.holds.has(cause)) return;
    this.change(domain, cause, () => domain.holds.delete(cause));
  }

  end(domain: Domain, reason: ShutdownReason, message: string): void {
    if (domain.ended !== null) return;
    this.change(domain, reason, () => {
      domain.ended = reason;
      domain.endedNs = this.nowNs;
      domain.crashMessage = message;
    });
    const { domId, id } = domain.identity;
    const atNs = this.nowNs;
    if (reason === 'crash' || reason === 'watchdog')
      this.emit({
        type: 'domain.crashed',
        atNs,
        domId,
        id,
        message,
        facts: this.crashes.keep(describeEnd(this, domain)),
      });
    else this.emit({ type: 'domain.shutdown', atNs, domId, id, reason });
    this.virqs.raise(VIRQ.DOM_EXC);
    this.xenstore.store.fireSpecial('@releaseDomain');
    this.onEnded(domain);
  }

  /** Makes a vCPU sleep; false when `untilNs` has come. */
  sleep(vcpu: Vcpu, untilNs: bigint | null): boolean {
    if (untilNs !== null) {
      if (untilNs <= this.nowNs) return false;
      vcpu.wakeTimer ??= this.timers.create(() => this.wake(vcpu));
      this.timers.set(vcpu.wakeTimer, untilNs);
    }
    vcpu.blocked = true;
    return true;
  }

  wake(vcpu: Vcpu): void {
    const { events } = vcpu.domain;
    events.endPoll(vcpu.id);
    events.shared.setTime(vcpu.id, this.nowNs);
    this.sched.wake(vcpu);
  }

  timersOf(vcpu: Vcpu): VcpuTimers {
    vcpu.timers ??= new VcpuTimers(vcpu, this.clock, this.timers, () =>
      vcpu.domain.events.raiseVirq(VIRQ.TIMER, vcpu.id),
    );
    return vcpu.timers;
  }

  /** An upcall is pending: wakes its vCPU or, as nothing interrupts one that computes, a sibling that sleeps. */
  kick(domain: Domain, vcpuId: number): void {
    if (domain.destroyed) return;
    const bound = domain.vcpus[vcpuId];
    const sleeper =
      bound?.blocked && domain.events.isWokenByUpcall(vcpuId)
        ? bound
        : domain.vcpus.find((v) => v.blocked && v.online && !domain.events.isPolling(v.id));
    if (sleeper !== undefined) this.wake(sleeper);
  }

  /** The guest ended by itself; a code it recorded before says why. */
  shutDown(domain: Domain, asked: ShutdownReason): void {
    const reason = domain.shutdownCode ?? asked;
    this.end(domain, reason, reason === 'crash' ? 'the guest asked for it' : '');
  }

  /** Applies what allowances ask of these domains; the answer is those it changed. */
  applyPolicies(ids: readonly string[]): number[] {
    const changed: number[] = [];
    for (const id of ids) {
      const domain = this.domainsById.get(id);
      if (domain === undefined) continue;
      const { pause, capPercent: throttleCap } = this.allowances.policyFor(id);
      const differs = pause !== domain.holds.has('allowance') || throttleCap !== domain.throttleCap;
      if (!differs) continue;
      changed.push(domain.identity.domId);
      if (throttleCap !== domain.throttleCap) {
        this.sched.settleAll();
        domain.throttleCap = throttleCap;
        this.sched.capChanged(domain);
      }
      if (pause) this.hold(domain, 'allowance');
      else this.release(domain, 'allowance');
    }
    return changed;
  }

  /**
   * Changes what a domain may do, with its meters exact at this instant on both sides. Allowances are asked last: one
   * that is found spent holds the domain by a change of its own, which must find this one complete.
   */
  private change(domain: Domain, cause: PauseCause | ShutdownReason, act: () => void): void {
    const before = domain.power;
    if (domain.incarnation !== null) this.settle(domain.incarnation);
    act();
    const after = domain.power;
    const { domId, id, driver } = domain.identity;
    const opens = domain.incarnation === null && !domain.holds.has('build');
    const incarnation = opens ? this.open(domain) : domain.incarnation;
    for (const vcpu of domain.vcpus) this.sched.refresh(vcpu);
    this.watchdogs.follow(domain);
    if (incarnation === null) return;
    if (before !== after) incarnation.setState(after, this.nowNs);
    if (driver) return;
    if (before !== after) {
      const reading = readIncarnation(incarnation, this.nowNs);
      this.emit({ type: 'domain.state', atNs: this.nowNs, domId, id, state: after, cause, reading });
    }
    if (opens) this.allowances.opened(incarnation);
    else if (before !== after) this.allowances.changed(id);
  }

  /** The life of a domain begins when its builder lets go of it, whoever else may hold it. */
  open(domain: Domain): Incarnation {
    const { domId, id, driver } = domain.identity;
    const incarnation = this.openIncarnation('domain', id, domain.power, !driver);
    domain.incarnation = incarnation;
    incarnation.setLevel('memory.frame_ns', BigInt(domain.memoryFrames), this.nowNs);
    incarnation.setState(domain.power, this.nowNs);
    for (const vcpu of domain.vcpus) this.sched.books.startClock(vcpu);
    if (!driver) this.announceOpened(incarnation, domId);
    return incarnation;
  }

  /** The memory meter follows what a domain owns at the instant. */
  private ownedChanged(domId: number, frames: number): void {
    const domain = this.domains.get(domId);
    if (domain === undefined) return;
    const more = frames > domain.memoryFrames;
    domain.memoryFrames = frames;
    if (domain.incarnation === null) return;
    domain.incarnation.setLevel('memory.frame_ns', BigInt(frames), this.nowNs);
    if (more && !domain.identity.driver) this.allowances.changed(domain.identity.id);
  }
}

export const CONSERVED_DOMAIN_METERS: readonly DomainMeter[] = [
  'cpu.ns',
  'cpu.onbehalf.ns',
  'net.public.rx.bytes',
  'net.public.tx.bytes',
];

export const CONSERVED_VOLUME_METERS: readonly VolumeMeter[] = ['disk.read.bytes', 'disk.write.bytes'];
