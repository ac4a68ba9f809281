/**
 * A hypervisor driven against wall time, with its meters read at the right instants.
 *
 * Design. `advance` never runs past the next instant at which something is due (a UTC second, the end of a lease): it
 * stops the host exactly there. Each UTC second every live incarnation is read (`inner`), each quarter hour it is
 * cut; state changes come as readings inside the hypervisor's events, taken at their exact instant. Everything that the
 * hypervisor reports is drained right after it ran, so per incarnation the readings are in order.
 *
 * Invariants. No reading carries a label that another reading of its incarnation has passed. Lost time is never run;
 * inside a lost span only quarter hours are read. After an assertion of the hypervisor nothing runs any more.
 */
import type { Host, HostEvent as MachineEvent, MeterReading } from '@xenorack/hypervisor';
import type { HostFigures } from '../control.js';
import { Pacer, type PacerTimers } from '../clock/pacer.js';
import type { UtcLabel } from '../clock/utc-label.js';
import type { WallClock } from '../clock/wall-clock.js';
import type { BatchPublisher } from '../metering/batch-publisher.js';
import type { MeterBook } from '../metering/meter-book.js';

export const SECOND_NS = 1_000_000_000n;
export const QUARTER_HOUR_NS = 900n * SECOND_NS;
/** Longer than a scheduler slice: a vCPU that only computes shows itself within this. */
const QUIET_NS = 40_000_000n;
/** A wall clock that jumps further than this many quarter hours gets a cut at the first and the last only. */
const JUMP_CUTS_MAX = 96n;

export interface LiveHostOptions {
  host: Host;
  clock: WallClock;
  labels: UtcLabel;
  book: MeterBook;
  publisher: BatchPublisher;
  tenantOf: (resourceId: string) => string;
  /** Something happened in the machine; its reading, when it has one, is already booked. */
  onMachineEvent: (event: MachineEvent, utcNs: bigint) => void;
  /** Once a UTC second, outside the machine's step but at its exact instant. */
  onSecond: (utcNs: bigint) => void;
  /** Label of the next instant at which the host has to stop for something else; null for none. */
  nextDueUtcNs: () => bigint | null;
  onDue: (utcNs: bigint) => void;
  /** Between two turns: devices hand over what has arrived. */
  afterTurn: () => void;
  /** The machine asserted; nothing runs any more. */
  onFault: (error: unknown) => void;
  timers?: PacerTimers;
}

export class LiveHost {
  readonly pacer: Pacer;
  private readonly reasons = new Map<string, string>();
  private checkClockAtNs = 0n;
  private activity = -1;
  private activeAtNs = 0n;
  private faulted = false;

  constructor(private readonly options: LiveHostOptions) {
    this.pacer = new Pacer({
      clock: options.clock,
      advance: (untilNs, lost) => this.advance(untilNs, lost),
      isIdle: () => this.isIdle(),
      afterTurn: () => this.afterTurn(),
      timers: options.timers,
    });
  }

  get isFaulted(): boolean {
    return this.faulted;
  }

  /** Label of this instant of the host. */
  utcNs(): bigint {
    return this.options.labels.labelOf(this.options.host.nowNs);
  }

  /** Brings the host to the present before a command acts, as far as one turn reaches. */
  catchUp(): void {
    if (!this.faulted) this.pacer.turn();
  }

  /**
   * Acts on the machine between two steps and books what it reports; an assertion inside freezes the host. `reason`
   * is given to the open and close readings of `resourceId` that the act causes.
   */
  act<T>(machineAct: (host: Host) => T, resourceId?: string, reason?: string): T {
    if (this.faulted) throw new Error('the host is frozen');
    if (resourceId !== undefined && reason !== undefined) this.reasons.set(resourceId, reason);
    try {
      const result = machineAct(this.options.host);
      this.drain();
      return result;
    } catch (error) {
      this.fault(error);
      throw error;
    } finally {
      if (resourceId !== undefined) this.reasons.delete(resourceId);
      this.activeAtNs = this.options.host.nowNs;
      this.pacer.wake();
    }
  }

  /** Cuts the named resources now (all live ones when null); answers the label. Unknown ids are left out. */
  cut(resourceIds: ReadonlySet<string> | null, reason: string): bigint {
    const utcNs = this.utcNs();
    this.read('cut', reason, [utcNs], resourceIds);
    return utcNs;
  }

  /** Host-wide figures at this instant; asserts that the books close. */
  figures(): Omit<HostFigures, 'utcNs' | 'domains' | 'unacknowledgedBatches'> {
    const { pcpus, frames } = this.options.host.sample().balance;
    const sum = (part: (pcpu: (typeof pcpus)[number]) => bigint): string =>
      pcpus.reduce((total, pcpu) => total + part(pcpu), 0n).toString();
    return {
      pcpus: pcpus.length,
      elapsedNs: sum((pcpu) => pcpu.elapsedNs),
      ownNs: sum((pcpu) => pcpu.ownNs),
      onBehalfNs: sum((pcpu) => pcpu.onBehalfNs),
      overheadNs: sum((pcpu) => pcpu.overheadNs),
      idleNs: sum((pcpu) => pcpu.idleNs),
      lostNs: sum((pcpu) => pcpu.lostNs),
      framesTotal: frames.totalFrames,
      framesFree: frames.freeFrames,
      framesXen: frames.xenFrames,
    };
  }

  /** Stops the host for good, with the readings so far kept. */
  fault(error: unknown): void {
    if (this.faulted) return;
    this.faulted = true;
    this.pacer.stop();
    this.options.onFault(error);
  }

  private advance(untilNs: bigint, lost: boolean): void {
    const { host } = this.options;
    try {
      while (!this.faulted && host.nowNs < untilNs) {
        const stopNs = this.nextStopNs(lost);
        const toNs = stopNs < untilNs ? stopNs : untilNs;
        if (lost) host.lose(toNs);
        else host.run(toNs);
        this.drain();
        if (toNs === stopNs) this.onStop();
      }
    } catch (error) {
      this.fault(error);
    }
  }

  /** The next instant the host must not run past; always after now. */
  private nextStopNs(lost: boolean): bigint {
    const { host, labels } = this.options;
    const nowUtcNs = this.utcNs();
    const gridNs = lost ? QUARTER_HOUR_NS : SECOND_NS;
    let stopUtcNs = (nowUtcNs / gridNs + 1n) * gridNs;
    const dueUtcNs = this.options.nextDueUtcNs();
    if (dueUtcNs !== null && dueUtcNs < stopUtcNs) stopUtcNs = dueUtcNs;
    const stopNs = labels.hostNsOf(stopUtcNs);
    return stopNs > host.nowNs ? stopNs : host.nowNs + 1n;
  }

  private onStop(): void {
    const { options } = this;
    const utcNs = this.utcNs();
    const dueUtcNs = options.nextDueUtcNs();
    if (dueUtcNs !== null && dueUtcNs <= utcNs) {
      options.onDue(utcNs);
      this.drain();
    }
    if (utcNs % SECOND_NS !== 0n) return;
    if (utcNs % QUARTER_HOUR_NS === 0n) this.read('cut', 'quarter-hour', [utcNs], null);
    else this.read('inner', 'tick', [utcNs], null);
    options.onSecond(utcNs);
  }

  /** One reading per live incarnation and label, all with the values of this instant. */
  private read(
    kind: 'inner' | 'cut',
    reason: string,
    utcLabels: readonly bigint[],
    resourceIds: ReadonlySet<string> | null,
  ): void {
    const { host, book, publisher } = this.options;
    const { readings } = host.sample();
    for (const reading of readings) {
      if (resourceIds !== null && !resourceIds.has(reading.resourceId)) continue;
      for (const utcNs of utcLabels) publisher.add(book.take(reading, kind, utcNs, reason));
    }
    void publisher.flush().catch(() => undefined);
  }

  private drain(): void {
    const { host, labels, onMachineEvent } = this.options;
    for (const event of host.drainEvents()) {
      const utcNs = labels.labelOf(event.atNs);
      this.bookEvent(event, utcNs);
      onMachineEvent(event, utcNs);
    }
  }

  private bookEvent(event: MachineEvent, utcNs: bigint): void {
    const { book, publisher, tenantOf } = this.options;
    switch (event.type) {
      case 'incarnation.opened':
        publisher.add(book.open(event.reading, tenantOf(event.id), utcNs, this.reasonOf(event.id, 'start')));
        break;
      case 'domain.state':
        if (!this.repeatsOpen(event.reading))
          publisher.add(book.take(event.reading, 'cut', utcNs, stateReason(event)));
        break;
      case 'domain.resized':
        publisher.add(book.take(event.reading, 'cut', utcNs, 'scheduling'));
        break;
      case 'incarnation.closed':
        publisher.add(book.take(event.reading, 'close', utcNs, this.reasonOf(event.id, 'destroy')));
        break;
      case 'domain.created':
      case 'domain.shutdown':
      case 'domain.crashed':
      case 'domain.destroyed':
      case 'domain.dead':
      case 'domain.restarted':
      case 'domain.restart_refused':
      case 'domain.renamed':
      case 'volume.opened':
      case 'volume.closed':
      case 'allowance.warned':
      case 'allowance.exhausted':
      case 'allowance.throttled':
      case 'allowance.resumed':
      case 'allowance.renewed':
        return;
    }
    void publisher.flush().catch(() => undefined);
  }

  private reasonOf(resourceId: string, otherwise: string): string {
    return this.reasons.get(resourceId) ?? otherwise;
  }

  /** The first unpause reports the opening and the state at one instant; the opening says both. */
  private repeatsOpen(reading: MeterReading): boolean {
    const last = this.options.book.lastOf(reading.serial);
    return last?.seq === 0 && last.hostNs === reading.atNs.toString() && reading.state === 'running';
  }

  /** True when neither the machine nor the outside has moved for a while. */
  private isIdle(): boolean {
    const { host } = this.options;
    const { slices, guestExits, runnableVcpus } = host.stats();
    const activity = slices + guestExits;
    if (activity !== this.activity || runnableVcpus > 0) this.activeAtNs = host.nowNs;
    this.activity = activity;
    return host.nowNs - this.activeAtNs > QUIET_NS;
  }

  private afterTurn(): void {
    if (this.faulted) return;
    const nowNs = this.options.clock.monotonicNs();
    if (nowNs >= this.checkClockAtNs) {
      this.checkClockAtNs = nowNs + SECOND_NS;
      this.followWallClock();
    }
    try {
      this.options.afterTurn();
      this.drain();
    } catch (error) {
      this.fault(error);
    }
  }

  /** Labels follow steps of the wall clock; quarter hours that were jumped over are cut at the instant of the jump. */
  private followWallClock(): void {
    const { clock, host, labels } = this.options;
    const beforeNs = this.pacer.dueNs();
    const utcNs = clock.utcNs();
    const afterNs = this.pacer.dueNs();
    // Interrupted between the two clocks: no statement about their difference; the next turn tries again.
    if (afterNs - beforeNs > 1_000_000n) {
      this.checkClockAtNs = 0n;
      return;
    }
    const jump = labels.correct(host.nowNs, utcNs - (beforeNs - host.nowNs));
    if (jump === null || jump.toUtcNs === jump.fromUtcNs) return;
    const first = jump.fromUtcNs / QUARTER_HOUR_NS + 1n;
    const last = jump.toUtcNs / QUARTER_HOUR_NS;
    if (last < first) return;
    const quarters: bigint[] = [];
    if (last - first >= JUMP_CUTS_MAX) quarters.push(first, last);
    else for (let quarter = first; quarter <= last; quarter++) quarters.push(quarter);
    const utcLabels = quarters.map((quarter) => quarter * QUARTER_HOUR_NS);
    this.read('cut', 'quarter-hour', utcLabels, null);
  }
}

/** The hypervisor's `host` cause is how billing holds a domain. */
export function wireCause(cause: string): string {
  return cause === 'host' ? 'billing' : cause;
}

function stateReason(event: Extract<MachineEvent, { type: 'domain.state' }>): string {
  switch (event.state) {
    case 'running':
      return event.cause === 'build' ? 'start' : `unpause:${wireCause(event.cause)}`;
    case 'paused':
      return `pause:${wireCause(event.cause)}`;
    case 'shutdown':
      return `shutdown:${event.cause}`;
    case 'crashed':
      return 'crash';
  }
}
