import type { Domain } from '../domain/domain.js';
import type { Vcpu } from '../domain/vcpu.js';
import type { Clock } from '../time/clock.js';
import type { Timer, Timers } from '../time/timers.js';
import { capBudgetNs, unparkNs } from './cap-budget.js';

/** Takes domains that used up their cap off the CPU until their next period with a budget. Parked time is offline. */
export class CapParking {
  private readonly unparkTimers = new Map<Domain, Timer>();

  constructor(
    private readonly clock: Clock,
    private readonly timers: Timers,
    /** Brings what executes, and the runstates of a domain, up to now: nothing is missing from a budget. */
    private readonly settle: (domain: Domain) => void,
    private readonly refresh: (vcpu: Vcpu) => void,
  ) {}

  /** A period's budget begins after everything executed before it was taken off, whoever looked in between. */
  refill(domain: Domain): bigint {
    this.settle(domain);
    return capBudgetNs(domain, this.clock.nowNs);
  }

  park(domain: Domain): void {
    let timer = this.unparkTimers.get(domain);
    if (timer === undefined) {
      timer = this.timers.create(() => this.unpark(domain));
      this.unparkTimers.set(domain, timer);
    }
    this.settle(domain);
    this.timers.set(timer, unparkNs(domain));
    for (const v of domain.vcpus) {
      v.parked = true;
      this.refresh(v);
    }
  }

  unpark(domain: Domain): void {
    const timer = this.unparkTimers.get(domain);
    if (timer !== undefined) this.timers.cancel(timer);
    if (domain.effectiveCap > 0) this.refill(domain);
    for (const v of domain.vcpus) {
      if (!v.parked) continue;
      v.parked = false;
      this.refresh(v);
    }
  }

  forget(domain: Domain): void {
    const timer = this.unparkTimers.get(domain);
    if (timer !== undefined) this.timers.cancel(timer);
    this.unparkTimers.delete(domain);
  }
}
