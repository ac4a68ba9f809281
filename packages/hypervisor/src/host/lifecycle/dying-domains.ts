import type { Domain } from '../../domain/domain.js';
import type { Machine } from '../machine.js';

/**
 * Design: domains that were destroyed while others still hold references to their frames (a mapped grant). Such a
 * domain executes nothing and is billed nothing; it keeps its number, and only those frames, until the last reference
 * goes. Xen lists them as zombies.
 */
export class DyingDomains {
  private readonly dying = new Map<number, Domain>();

  constructor(private readonly machine: Machine) {
    machine.frames.onDead = (domId) => this.gone(domId);
  }

  /** A domain was destroyed and gave its frames back. */
  bury(domain: Domain): void {
    const { domId } = domain.identity;
    // What it executed is of no use any more.
    domain.guest = null;
    this.dying.set(domId, domain);
    if (!this.machine.frames.knows(domId)) this.gone(domId);
  }

  /** With the frames each still holds. */
  list(): Domain[] {
    for (const [domId, domain] of this.dying) domain.memoryFrames = this.machine.frames.framesOf(domId);
    return [...this.dying.values()];
  }

  private gone(domId: number): void {
    const domain = this.dying.get(domId);
    if (!this.dying.delete(domId) || domain === undefined) return;
    const { id } = domain.identity;
    this.machine.emit({ type: 'domain.dead', atNs: this.machine.nowNs, domId, id });
  }
}
