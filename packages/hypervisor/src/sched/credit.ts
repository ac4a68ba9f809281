import type { Domain } from '../domain/domain.js';
import { PRIORITY, type Priority, type Vcpu } from '../domain/vcpu.js';

export const SLICE_NS = 30_000_000n;
export const TICK_NS = 10_000_000n;
/** Credits are ns of CPU here; Xen's 300 credits per slice and pCPU are these 30 ms. */
const CREDIT_PER_SLICE = 30_000_000;

/**
 * Design: the accounting half of Xen's credit scheduler (common/sched/credit.c). Every 30 ms the CPU of all pCPUs is
 * handed out as credit to *active* domains by weight per active vCPU; what a domain cannot use flows to the others.
 * A vCPU becomes active when it executes and leaves when it has saved a whole slice. Idle domains are never visited.
 * Invariants: -slice <= credit <= slice after an accounting; only active domains are in the list.
 * Units: ns of CPU.
 */
export class CreditAccounts {
  private domains: Domain[] = [];
  private readonly activeVcpus = new Map<Domain, Set<Vcpu>>();
  private balance = 0;

  constructor(
    private readonly pcpus: number,
    private readonly setPriority: (vcpu: Vcpu, priority: Priority) => void,
  ) {}

  get anyActive(): boolean {
    return this.domains.length > 0;
  }

  activate(vcpu: Vcpu): void {
    if (vcpu.active) return;
    vcpu.active = true;
    const set = this.activeVcpus.get(vcpu.domain);
    if (set !== undefined) {
      set.add(vcpu);
      return;
    }
    this.activeVcpus.set(vcpu.domain, new Set([vcpu]));
    this.domains.push(vcpu.domain);
  }

  deactivate(vcpu: Vcpu): void {
    if (!vcpu.active) return;
    vcpu.active = false;
    const set = this.activeVcpus.get(vcpu.domain) as Set<Vcpu>;
    set.delete(vcpu);
    if (set.size > 0) return;
    this.activeVcpus.delete(vcpu.domain);
    this.domains = this.domains.filter((d) => d !== vcpu.domain);
  }

  /** One accounting: hands out the credit of one slice of all pCPUs. */
  account(): void {
    let weights = 0;
    for (const d of this.domains) weights += d.weight * this.activeCount(d);
    if (weights === 0) return;
    let total = CREDIT_PER_SLICE * this.pcpus - Math.min(this.balance, 0);
    const owed = Math.max(0, -this.balance);
    let left = weights;
    let balance = 0;
    let wantsMore = false;
    const satisfied: Domain[] = [];
    const others: Domain[] = [];
    const leaving: Vcpu[] = [];
    for (const d of this.domains) {
      const count = this.activeCount(d);
      const share = (d.weight * count) / weights;
      left -= d.weight * count;
      const peak = this.peakOf(d, count, owed * share);
      let fair = Math.ceil(total * share);
      if (fair < peak) {
        wantsMore = true;
        others.push(d);
      } else {
        if (left > 0) total += Math.ceil(((fair - peak) * weights) / left);
        if (wantsMore) satisfied.push(d);
        else others.push(d);
        fair = peak;
      }
      balance += this.credit(d, Math.ceil(fair / count), leaving);
    }
    this.balance = balance;
    // Domains that could not use their share go first next time, so that the surplus reaches the others.
    this.domains = [...satisfied.reverse(), ...others];
    for (const vcpu of leaving) this.deactivate(vcpu);
  }

  private activeCount(domain: Domain): number {
    return (this.activeVcpus.get(domain) as Set<Vcpu>).size;
  }

  private peakOf(domain: Domain, count: number, owedShare: number): number {
    const peak = CREDIT_PER_SLICE * count + Math.ceil(owedShare);
    const cap = domain.effectiveCap;
    return cap === 0 ? peak : Math.min(peak, Math.ceil((CREDIT_PER_SLICE * cap) / 100));
  }

  private credit(domain: Domain, each: number, leaving: Vcpu[]): number {
    let sum = 0;
    for (const vcpu of this.activeVcpus.get(domain) as Set<Vcpu>) {
      vcpu.creditNs += each;
      if (vcpu.creditNs < 0) {
        this.setPriority(vcpu, PRIORITY.OVER);
        vcpu.creditNs = Math.max(vcpu.creditNs, -CREDIT_PER_SLICE);
      } else {
        if (vcpu.priority === PRIORITY.OVER) this.setPriority(vcpu, PRIORITY.UNDER);
        if (vcpu.creditNs > CREDIT_PER_SLICE) {
          vcpu.creditNs = Math.floor(vcpu.creditNs / 2);
          leaving.push(vcpu);
        }
      }
      sum += vcpu.creditNs;
    }
    return sum;
  }
}
