import { ERRNO } from '../abi/errno.js';
import type { Timer, Timers } from '../time/timers.js';
import type { Clock } from '../time/clock.js';
import type { Domain } from './domain.js';

const SECOND_NS = 1_000_000_000n;

/** One armed watchdog of a domain. */
export interface Watchdog {
  readonly timer: Timer;
  /** What is left while the domain is held; null while the timer runs. */
  leftNs: bigint | null;
}

/**
 * Design: the two watchdog timers that a domain arms by `sched_op` and must set again before they are due; one that is
 * due ends the domain. The time in which somebody holds the domain does not count (Xen's timers go on meanwhile, but
 * here a budget may hold a domain, and being out of money is not being stuck).
 * Invariants: a domain that ended or is gone has no watchdog.
 */
export class Watchdogs {
  constructor(
    private readonly clock: Clock,
    private readonly timers: Timers,
    private readonly expired: (domain: Domain, id: number) => void,
  ) {}

  /**
   * `sched_op` watchdog: id 0 arms a free one and answers its id (1 or 2), another id sets that one again, or disarms it
   * with `timeoutS` 0, and answers 0. -EINVAL: no such id, or it is not armed. -ENOSPC: both are armed.
   */
  set(domain: Domain, id: number, timeoutS: number): number {
    const { watchdogs } = domain;
    if (id === 0) {
      const free = watchdogs.indexOf(null);
      if (free < 0) return -ERRNO.ENOSPC;
      const armed: Watchdog = {
        timer: this.timers.create(() => {
          watchdogs[free] = null;
          this.expired(domain, free + 1);
        }),
        leftNs: null,
      };
      watchdogs[free] = armed;
      this.timers.set(armed.timer, this.dueNs(timeoutS));
      return free + 1;
    }
    const armed = watchdogs[id - 1];
    if (armed === undefined || armed === null) return -ERRNO.EINVAL;
    if (timeoutS === 0) {
      this.timers.cancel(armed.timer);
      watchdogs[id - 1] = null;
    } else {
      armed.leftNs = null;
      this.timers.set(armed.timer, this.dueNs(timeoutS));
    }
    return 0;
  }

  /** Stops the timers of a domain that is held, lets them go on when it is not, forgets those of one that ended. */
  follow(domain: Domain): void {
    domain.watchdogs.forEach((armed, i) => {
      if (armed === null) return;
      if (domain.ended !== null || domain.destroyed) {
        this.timers.cancel(armed.timer);
        domain.watchdogs[i] = null;
      } else if (!domain.mayRun && armed.leftNs === null) {
        armed.leftNs = armed.timer.dueNs - this.clock.nowNs;
        this.timers.cancel(armed.timer);
      } else if (domain.mayRun && armed.leftNs !== null) {
        this.timers.set(armed.timer, this.clock.nowNs + armed.leftNs);
        armed.leftNs = null;
      }
    });
  }

  private dueNs(timeoutS: number): bigint {
    return this.clock.nowNs + BigInt(timeoutS) * SECOND_NS;
  }
}
