import type { Domain } from '../domain/domain.js';
import type { Vcpu } from '../domain/vcpu.js';
import { RunQueue } from './run-queue.js';

export const SLICE_NS = 30_000_000n;
export const TICK_NS = 10_000_000n;
/** A vCPU that just began is not preempted before this (Xen's ratelimit). */
export const RATELIMIT_NS = 1_000_000n;
/** Credit and debt a vCPU keeps, in ns of its CPU: four slices, and half a slice when it slept through a whole one. */
const KEPT_NS = 120_000_000;
const KEPT_ASLEEP_NS = 15_000_000;
/** Beside its budget, when it was parked: covers how unevenly turns come. */
const KEPT_PARKED_NS = 40_000_000;
/** At most this much more, where vCPUs of very different weights share pCPUs. */
const AHEAD_NS = 1_000_000_000;
const SLICE = Number(SLICE_NS);

/**
 * Design: the accounts of Xen's credit scheduler (common/sched/credit.c) without its accounting every 30 ms, which visits
 * every active vCPU. A vCPU's key is what it executed per unit of its weight; the clock of its queue is the key of the
 * last one taken, so what all the others earned since is the clock's advance times their weight: credit = (clock - key)
 * x weight, brought up to date only when a vCPU is taken, leaves the CPU or wakes. Credit >= 0 is Xen's UNDER, less is
 * OVER; the one that had least for its weight goes first. What somebody cannot use flows to the others, because
 * the clock follows those who can. One queue per affinity serves all its pCPUs (Xen has one per pCPU, and steals).
 * Invariants: -4 slices <= credit <= 4 slices, and a second, for a vCPU that begins to wait; nothing here costs more than O(log vCPUs)
 * times the number of different affinities. Keys change only at the scheduler's own instants, never because somebody
 * looks: rounding does not depend on readings.
 * Units: credit in ns of CPU; Xen's 300 credits per slice and pCPU are 30 ms.
 */
export class Credit {
  /** By queue id; the first one allows every pCPU. A dropped one leaves a gap. */
  private readonly queues: (RunQueue | undefined)[] = [];
  /** By pCPU number: the queues it may take from. */
  private readonly queuesOf: RunQueue[][];
  /** The highest key ever taken, over all queues, on their common scale. */
  private clockKey = 0;
  private arrivals = 0;
  waiting = 0;

  constructor(
    private readonly pcpus: number,
    private readonly domainOf: (domId: number) => Domain | null,
  ) {
    this.queuesOf = Array.from({ length: pcpus }, () => []);
    const all = Array.from({ length: pcpus }, () => true);
    this.open(all, all);
  }

  queueOf(vcpu: Vcpu): RunQueue {
    return this.queues[vcpu.queueId] as RunQueue;
  }

  /** Charges a vCPU's account for what it executed since the last call; work for another domain is that one's debt. */
  burn(vcpu: Vcpu): void {
    const ranNs = vcpu.unburnedNs;
    if (ranNs === 0n) return;
    vcpu.unburnedNs = 0n;
    const payer = vcpu.onBehalfOf === null ? null : this.domainOf(vcpu.onBehalfOf);
    if (payer === null) vcpu.key += Number(ranNs) / vcpu.domain.weight;
    else payer.onBehalfDebtNs += ranNs;
  }

  /** Whether it may still go before those who only compute. */
  isUnder(vcpu: Vcpu): boolean {
    return vcpu.key <= this.queueOf(vcpu).clockKey;
  }

  /** A vCPU begins to wait. */
  enter(vcpu: Vcpu, nowNs: bigint, woken: boolean): void {
    const queue = this.queueOf(vcpu);
    const { domain } = vcpu;
    const { weight } = domain;
    if (domain.onBehalfDebtNs > 0n) {
      vcpu.key += Number(domain.onBehalfDebtNs) / weight;
      domain.onBehalfDebtNs = 0n;
    }
    // A queue that nobody used had no clock of its own meanwhile.
    if (queue.waiting + queue.executing === 0)
      queue.clockKey = Math.max(queue.clockKey, this.clockKey - queue.baseKey);
    const least = queue.clockKey - this.kept(queue, vcpu, nowNs);
    vcpu.asleepSinceNs = null;
    vcpu.cappedOut = false;
    vcpu.key = Math.min(Math.max(vcpu.key, least), queue.clockKey + KEPT_NS / weight);
    vcpu.boosted = woken && vcpu.key <= queue.clockKey;
    this.arrivals += 1;
    vcpu.arrival = this.arrivals;
    queue.push(vcpu);
    this.waiting += 1;
  }

  /** How far behind the clock a vCPU may be that begins to wait. */
  private kept(queue: RunQueue, vcpu: Vcpu, nowNs: bigint): number {
    const { weight } = vcpu.domain;
    // Its cap is all it was entitled to: who waited for its budget is owed little more than that budget.
    if (vcpu.cappedOut) return (Math.max(Number(vcpu.domain.capBudgetNs), 0) + KEPT_PARKED_NS) / weight;
    if (vcpu.asleepSinceNs !== null && nowNs - vcpu.asleepSinceNs >= SLICE_NS) return KEPT_ASLEEP_NS / weight;
    // The clock may be ahead of what all had by the slice of whoever it follows; that must not cost the heavy ones.
    return KEPT_NS / weight + Math.min(SLICE / queue.clockWeight, AHEAD_NS / weight);
  }

  /** A vCPU no longer waits and is not taken either. */
  leave(vcpu: Vcpu): void {
    this.queueOf(vcpu).remove(vcpu);
    this.waiting -= 1;
  }

  /** The best waiting vCPU for a pCPU: one that would rather execute there, unless another is a slice behind. */
  best(pcpu: number): Vcpu | null {
    const queues = this.queuesOf[pcpu] as RunQueue[];
    let any: RunQueue | null = null;
    let rather: RunQueue | null = null;
    for (const queue of queues) {
      if (queue.head === null) continue;
      this.keepUp(queue);
      if (any === null || goesBefore(queue, any)) any = queue;
      if (queue.preferred[pcpu] && (rather === null || goesBefore(queue, rather))) rather = queue;
    }
    if (any === null) return null;
    const head = any.head as Vcpu;
    if (rather === null || rather === any) return head;
    const preferred = rather.head as Vcpu;
    if (head.boosted) return preferred.boosted ? preferred : head;
    const tolerated = keyOf(any) + SLICE / head.domain.weight;
    return preferred.boosted || keyOf(rather) <= tolerated ? preferred : head;
  }

  /** The pCPU takes it: the clock follows. */
  take(vcpu: Vcpu): void {
    const queue = this.queueOf(vcpu);
    this.leave(vcpu);
    queue.executing += 1;
    if (vcpu.key <= queue.clockKey) return;
    queue.clockKey = vcpu.key;
    queue.clockWeight = vcpu.domain.weight;
    this.clockKey = Math.max(this.clockKey, vcpu.key + queue.baseKey);
  }

  /** The pCPU let go of it. */
  release(vcpu: Vcpu): void {
    this.burn(vcpu);
    this.queueOf(vcpu).executing -= 1;
  }

  /** A new weight leaves credit and debt as they are. */
  reweigh(vcpu: Vcpu, weight: number): void {
    this.burn(vcpu);
    const waits = vcpu.queueAt >= 0;
    const queue = this.queueOf(vcpu);
    if (waits) queue.remove(vcpu);
    vcpu.key = queue.clockKey - ((queue.clockKey - vcpu.key) * vcpu.domain.weight) / weight;
    if (waits) queue.push(vcpu);
  }

  /** Moves a vCPU, with its credit, to the queue of an affinity. */
  setAffinity(vcpu: Vcpu, allowed: readonly boolean[], preferred: readonly boolean[]): void {
    this.burn(vcpu);
    const from = this.queueOf(vcpu);
    const same = (a: readonly boolean[], b: readonly boolean[]) => a.every((one, i) => one === b[i]);
    const found = this.queues.find(
      (q) => q !== undefined && same(q.allowed, allowed) && same(q.preferred, preferred),
    );
    const to = found ?? this.open(allowed, preferred);
    if (to === from) return;
    const waits = vcpu.queueAt >= 0;
    if (waits) from.remove(vcpu);
    if (vcpu.runningOn >= 0) {
      from.executing -= 1;
      to.executing += 1;
    }
    vcpu.key = to.clockKey - (from.clockKey - vcpu.key);
    vcpu.queueId = to.id;
    to.members += 1;
    this.drop(from);
    if (waits) to.push(vcpu);
  }

  /** A destroyed vCPU's affinity may be nobody's any more. */
  forget(vcpu: Vcpu): void {
    this.drop(this.queueOf(vcpu));
  }

  private open(allowed: readonly boolean[], preferred: readonly boolean[]): RunQueue {
    const gap = this.queues.findIndex((queue) => queue === undefined);
    const queue = new RunQueue(gap < 0 ? this.queues.length : gap, allowed, preferred);
    queue.clockKey = this.clockKey;
    this.queues[queue.id] = queue;
    for (let i = 0; i < this.pcpus; i += 1) if (allowed[i]) (this.queuesOf[i] as RunQueue[]).push(queue);
    return queue;
  }

  private drop(queue: RunQueue): void {
    // The queue that allows everything stays, and nobody counts its members.
    if (queue.id === 0) return;
    queue.members -= 1;
    if (queue.members > 0) return;
    this.queues[queue.id] = undefined;
    for (const queues of this.queuesOf) {
      const at = queues.indexOf(queue);
      if (at >= 0) queues.splice(at, 1);
    }
  }

  /** A queue whose vCPUs together get less than others keeps its order, but not more than four slices of priority. */
  private keepUp(queue: RunQueue): void {
    const head = queue.head as Vcpu;
    const least = this.clockKey - KEPT_NS / head.domain.weight;
    if (queue.clockKey + queue.baseKey < least) queue.baseKey = least - queue.clockKey;
  }
}

function keyOf(queue: RunQueue): number {
  return (queue.head as Vcpu).key + queue.baseKey;
}

function goesBefore(a: RunQueue, b: RunQueue): boolean {
  const one = a.head as Vcpu;
  const other = b.head as Vcpu;
  if (one.boosted !== other.boosted) return one.boosted;
  if (!one.boosted && keyOf(a) !== keyOf(b)) return keyOf(a) < keyOf(b);
  return one.arrival < other.arrival;
}
