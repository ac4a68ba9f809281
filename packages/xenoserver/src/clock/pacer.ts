/**
 * Makes host time follow wall time.
 *
 * Design. Host time is due = monotonic clock minus the clock at boot; nothing is ever added up, so it can not drift. A
 * turn runs the host in steps of STEP_NS until it is less than one step behind. A turn ends after TURN_NS of real
 * work so that sockets and commands are served in between; what is left is done in the next turn, at once. When the
 * host is more than CATCH_UP_NS behind (the real machine was too slow, or stood still) the excess is declared lost. Between
 * turns the process sleeps: 1 ms while something can happen inside the host, IDLE_SLEEP_MS while only the outside
 * could wake it, and the outside does so by `wake`. See the README for the measurements behind these numbers.
 *
 * Invariants. Host time only moves through `advance`, to never more than due time; run + lost = due at the end of a turn,
 * less than one step aside.
 */
import type { WallClock } from './wall-clock.js';

export const STEP_NS = 1_000_000n;
/** A stall up to this long is caught up by running; beyond it the host loses time. */
export const CATCH_UP_NS = 500_000_000n;
const TURN_NS = 8_000_000n;
const IDLE_SLEEP_MS = 10;

/** The timers the pacer sleeps on; replaced in tests. */
export interface PacerTimers {
  setTimeout(task: () => void, ms: number): unknown;
  clearTimeout(timer: never): void;
  setImmediate(task: () => void): unknown;
}

export interface PacerOptions {
  clock: WallClock;
  /** Moves the host to `untilNs`, by running or, when `lost`, by declaring the time lost. */
  advance: (untilNs: bigint, lost: boolean) => void;
  /** True while nothing inside the host can happen before the outside acts. */
  isIdle: () => boolean;
  /** Called at the end of every turn, outside the host. */
  afterTurn: () => void;
  timers?: PacerTimers;
}

export class Pacer {
  private readonly bootNs: bigint;
  private hostNs = 0n;
  private timer: unknown = null;
  private turnIsNear = false;
  private stopped = true;

  constructor(private readonly options: PacerOptions) {
    this.bootNs = options.clock.monotonicNs();
  }

  /** What the wall says the host time should be. */
  dueNs(): bigint {
    return this.options.clock.monotonicNs() - this.bootNs;
  }

  start(): void {
    this.stopped = false;
    this.soon();
  }

  stop(): void {
    this.stopped = true;
    if (this.timer !== null) (this.timers.clearTimeout as (timer: unknown) => void)(this.timer);
    this.timer = null;
  }

  /** Something from outside arrived: run as soon as the event loop allows instead of sleeping on. */
  wake(): void {
    if (!this.stopped) this.soon();
  }

  /** One turn; answers true when the host is still behind. Throws what the host throws. */
  turn(): boolean {
    const { clock, advance, isIdle } = this.options;
    const startedNs = clock.monotonicNs();
    let behind = true;
    while (behind && clock.monotonicNs() - startedNs < TURN_NS) {
      const dueNs = this.dueNs();
      if (dueNs - this.hostNs > CATCH_UP_NS) {
        this.hostNs = dueNs - CATCH_UP_NS;
        advance(this.hostNs, true);
      }
      const steps = (dueNs - this.hostNs) / STEP_NS;
      behind = steps > 0n;
      if (!behind) break;
      // Nothing happens in an idle machine, so its steps are taken as one.
      this.hostNs += isIdle() ? steps * STEP_NS : STEP_NS;
      advance(this.hostNs, false);
    }
    this.options.afterTurn();
    return behind;
  }

  private get timers(): PacerTimers {
    return this.options.timers ?? (globalThis as unknown as PacerTimers);
  }

  private soon(): void {
    if (this.turnIsNear) return;
    this.turnIsNear = true;
    if (this.timer !== null) (this.timers.clearTimeout as (timer: unknown) => void)(this.timer);
    this.timer = null;
    this.timers.setImmediate(() => this.run());
  }

  private run(): void {
    this.turnIsNear = false;
    this.timer = null;
    if (this.stopped) return;
    const behind = this.turn();
    if (this.stopped) return;
    if (behind) this.soon();
    if (this.turnIsNear) return;
    this.timer = this.timers.setTimeout(() => this.run(), this.options.isIdle() ? IDLE_SLEEP_MS : 1);
  }
}
