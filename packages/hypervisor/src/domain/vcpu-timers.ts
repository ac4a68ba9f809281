import type { Clock } from '../time/clock.js';
import type { Timer, Timers } from '../time/timers.js';
import type { Vcpu } from './vcpu.js';

/**
 * Design: the two timers of a vCPU that raise its VIRQ_TIMER. The single shot is also what `set_timer_op` sets. The
 * periodic one counts only while the vCPU executes, as in Xen: one that was due meanwhile is raised when the vCPU goes
 * on, and never wakes it, so a sleeper costs nothing.
 */
export class VcpuTimers {
  private readonly singleshot: Timer;
  private readonly periodic: Timer;
  private periodNs = 0n;
  private missed = false;

  constructor(
    private readonly vcpu: Vcpu,
    private readonly clock: Clock,
    private readonly timers: Timers,
    private readonly raise: () => void,
  ) {
    this.singleshot = timers.create(raise);
    this.periodic = timers.create(() => this.tick());
  }

  /** At an absolute time; one that is past fires at once. */
  setSingleshot(dueNs: bigint): void {
    this.timers.set(this.singleshot, dueNs);
  }

  stopSingleshot(): void {
    this.timers.cancel(this.singleshot);
  }

  setPeriodic(periodNs: bigint): void {
    this.missed = false;
    this.periodNs = periodNs;
    this.timers.set(this.periodic, this.clock.nowNs + periodNs);
  }

  stopPeriodic(): void {
    this.missed = false;
    this.timers.cancel(this.periodic);
  }

  /** The vCPU goes on. */
  goOn(): void {
    if (this.missed) this.ring();
  }

  cancel(): void {
    this.stopSingleshot();
    this.stopPeriodic();
  }

  private tick(): void {
    if (this.vcpu.runningOn < 0) this.missed = true;
    else this.ring();
  }

  private ring(): void {
    this.missed = false;
    this.timers.set(this.periodic, this.clock.nowNs + this.periodNs);
    this.raise();
  }
}
