import type { Domain } from '../domain/domain.js';
import { PRIORITY, type Priority, type Vcpu } from '../domain/vcpu.js';

export const SLICE_NS = 30_000_000n;
export const TICK_NS = 10_000_000n;
/** Credits are ns of CPU here; Xen's 300 credits per slice and pCPU are these 30 ms. */
const CREDIT_PER_SLICE = 30_000_000;
/**
 * How many slices of credit or debt a vCPU keeps. Xen keeps one, and loses what goes beyond; with slices as long as the
 * accounting period that loses shares (a worked example of Xen's comes out 15 % off), with four it does not.
 */
const KEPT_SLICES = 4;

/**
 * Design: the accounting half of Xen's credit scheduler (common/sched/credit.c). Every 30 ms the CPU of all pCPUs is
 * handed out as credit to *active* domains by weight per active vCPU; what a domain cannot use flows to the others.
 * A vCPU becomes active when it executes and leaves when it has saved four slices, or has slept through a whole
 * slice; what it would have earned since is added when it wakes. Sleeping domains are never visited.
 * Invariants: -4 slices <= credit <= 4 slices after an accounting; only active domains are in the list.
 * Units: ns of CPU.
 */
export class CreditAccounts {
  private domains: Domain[] = [];
  private readonly activeVcpus = new Map<Domain, Vcpu[]>();
  private balance = 0;
  /** What one unit of weight earned at the last accounting. */
  private earnedPerWeight = CREDIT_PER_SLICE / 256;

  constructor(
    private readonly pcpus: number,
    private readonly setPriority: (vcpu: Vcpu, priority: Priority) => void,
  ) {}

  get anyActive(): boolean {
    return this.domains.length > 0;
  }

  /** Adds what a vCPU that had left would have earned up to now, up to half a slice. */
  catchUp(vcpu: Vcpu, nowNs: bigint): void {
    if (vcpu.active) return;
    const periods = (nowNs - vcpu.leftNs) / SLICE_NS;
    vcpu.leftNs += periods * SLICE_NS;
    const each = Math.min(this.earnedPerWeight * vcpu.domain.weight, CREDIT_PER_SLICE);
    const saved = Math.min(vcpu.creditNs + Math.floor(Number(periods) * each), CREDIT_PER_SLICE / 2);
    vcpu.creditNs = Math.max(vcpu.creditNs, saved);
    if (vcpu.creditNs >= 0 && vcpu.priority === PRIORITY.OVER) this.setPriority(vcpu, PRIORITY.UNDER);
  }

  activate(vcpu: Vcpu, nowNs: bigint): void {
    if (vcpu.active) return;
    this.catchUp(vcpu, nowNs);
    vcpu.active = true;
    const actives = this.activeVcpus.get(vcpu.domain);
    if (actives !== undefined) {
      actives.push(vcpu);
      return;
    }
    this.activeVcpus.set(vcpu.domain, [vcpu]);
    this.domains.push(vcpu.domain);
  }

  deactivate(vcpu: Vcpu, nowNs: bigint): void {
    if (!vcpu.active) return;
    vcpu.leftNs = nowNs;
    vcpu.active = false;
    const actives = this.activeVcpus.get(vcpu.domain) as Vcpu[];
    actives.splice(actives.indexOf(vcpu), 1);
    if (actives.length > 0) return;
    this.activeVcpus.delete(vcpu.domain);
    this.domains = this.domains.filter((d) => d !== vcpu.domain);
  }

  /** One accounting: hands out the credit of one slice of all pCPUs. */
  account(nowNs: bigint): void {
    let weights = 0;
    for (const d of this.domains) weights += d.weight * this.activeCount(d);
    if (weights === 0) return;
    this.earnedPerWeight = (CREDIT_PER_SLICE * this.pcpus) / weights;
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
      balance += this.credit(d, { each: Math.ceil(fair / count), nowNs, leaving });
    }
    this.balance = balance;
    // Domains that could not use their share go first next time, so that the surplus reaches the others.
    this.domains = [...satisfied.reverse(), ...others];
    for (const vcpu of leaving) this.deactivate(vcpu, nowNs);
  }

  private activeCount(domain: Domain): number {
    return (this.activeVcpus.get(domain) as Vcpu[]).length;
  }

  private peakOf(domain: Domain, count: number, owedShare: number): number {
    const peak = CREDIT_PER_SLICE * count + Math.ceil(owedShare);
    const cap = domain.effectiveCap;
    return cap === 0 ? peak : Math.min(peak, Math.ceil((CREDIT_PER_SLICE * cap) / 100));
  }

  private credit(domain: Domain, grant: { each: number; nowNs: bigint; leaving: Vcpu[] }): number {
    const { each, nowNs, leaving } = grant;
    let sum = 0;
    for (const vcpu of this.activeVcpus.get(domain) as Vcpu[]) {
      vcpu.creditNs += each;
      if (vcpu.creditNs < 0) {
        this.setPriority(vcpu, PRIORITY.OVER);
        vcpu.creditNs = Math.max(vcpu.creditNs, -KEPT_SLICES * CREDIT_PER_SLICE);
      } else {
        if (vcpu.priority === PRIORITY.OVER) this.setPriority(vcpu, PRIORITY.UNDER);
        if (vcpu.creditNs > KEPT_SLICES * CREDIT_PER_SLICE) {
          vcpu.creditNs = Math.floor(vcpu.creditNs / 2);
          leaving.push(vcpu);
        }
      }
      const sleeps = !vcpu.queued && !vcpu.parked && vcpu.runningOn < 0;
      if (sleeps && nowNs - vcpu.lastRanNs >= SLICE_NS && leaving.at(-1) !== vcpu) leaving.push(vcpu);
      sum += vcpu.creditNs;
    }
    return sum;
  }
}
