import { maxOf } from '../base/bigint-math.js';
import type { Vcpu } from '../domain/vcpu.js';
import type { Clock } from '../time/clock.js';
import { type Credit, RATELIMIT_NS } from './credit.js';
import type { Pcpu } from './pcpu.js';

/**
 * Design: which pCPU has to look when a vCPU begins to wait, or would be better off elsewhere. Looking means that the
 * pCPU steps at that time and takes whoever is best then.
 * Invariant: after each of these calls no pCPU is free while a vCPU waits that may execute there, unless it looks now
 * or another does that will ask again.
 */
export class Placement {
  constructor(
    private readonly pcpus: readonly Pcpu[],
    private readonly credit: Credit,
    private readonly clock: Clock,
  ) {}

  allows(p: Pcpu, vcpu: Vcpu): boolean {
    return this.credit.queueOf(vcpu).allowed[p.id] as boolean;
  }

  lookAt(p: Pcpu, atNs: bigint): void {
    if (p.mode === 'lost') return;
    if (p.nextNs === null || atNs < p.nextNs) p.nextNs = atNs;
  }

  lookNow(p: Pcpu): void {
    this.lookAt(p, this.clock.nowNs);
  }

  /** Somebody better waits: who executes goes on for the rate limit at most. */
  giveWay(p: Pcpu): void {
    p.giveWayNs = maxOf(this.clock.nowNs, p.startedNs + RATELIMIT_NS);
    if (p.mode === 'executing') this.lookAt(p, p.giveWayNs);
  }

  /** For a vCPU that just began to wait: a free pCPU, or when it is boosted that of somebody who computes. */
  offer(vcpu: Vcpu): void {
    const { allowed, preferred } = this.credit.queueOf(vcpu);
    let free: Pcpu | null = null;
    let busy: Pcpu | null = null;
    // Where it ran last comes first.
    for (let i = 0; i < this.pcpus.length; i += 1) {
      const p = this.pcpus[(vcpu.home + i) % this.pcpus.length] as Pcpu;
      if (!allowed[p.id] || p.mode === 'lost') continue;
      if (p.free && preferred[p.id]) {
        this.lookNow(p);
        return;
      }
      if (p.free) free ??= p;
      else if (p.giveWayNs === null && p.current?.boosted === false) busy ??= p;
    }
    if (free !== null) this.lookNow(free);
    else if (vcpu.boosted && busy !== null) this.giveWay(busy);
  }

  /** A free pCPU that a vCPU prefers to where it is, or needs because it may not execute there. */
  freeFor(vcpu: Vcpu, p: Pcpu): Pcpu | null {
    const { allowed, preferred } = this.credit.queueOf(vcpu);
    if (preferred[p.id]) return null;
    const better = this.pcpus.find((peer) => peer.free && preferred[peer.id]);
    if (better !== undefined || allowed[p.id]) return better ?? null;
    return this.pcpus.find((peer) => peer.free && allowed[peer.id]) ?? null;
  }

  /** Lets a free pCPU look for work when somebody waits whom it may execute. */
  wakeFree(): void {
    if (this.credit.waiting === 0) return;
    for (const p of this.pcpus) {
      if (!p.free || this.credit.best(p.id) === null) continue;
      this.lookNow(p);
      return;
    }
  }
}
