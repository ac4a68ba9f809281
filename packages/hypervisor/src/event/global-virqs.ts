import { VIRQS } from '../abi/event.js';
import type { EventChannels } from './event-channels.js';

/**
 * Design: who takes the VIRQs of which the host has one. A privileged domain has the one it binds until it closes it (in
 * Xen the control domain has all of them until it gives some away).
 * Invariant: at most one domain holds a VIRQ.
 */
export class GlobalVirqs {
  private readonly holders = new Array<EventChannels | null>(VIRQS).fill(null);

  claim(virq: number, domain: EventChannels, privileged: boolean): boolean {
    const holder = this.holders[virq];
    if (holder === undefined || (holder !== null && holder !== domain)) return false;
    if (holder === null && !privileged) return false;
    this.holders[virq] = domain;
    return true;
  }

  release(virq: number): void {
    this.holders[virq] = null;
  }

  /** Lost when nobody has bound it. */
  raise(virq: number): void {
    this.holders[virq]?.raiseVirq(virq);
  }
}
