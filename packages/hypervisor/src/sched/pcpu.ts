import type { Priority, Vcpu } from '../domain/vcpu.js';
import type { PcpuBalance } from '../meter/trial-balance.js';
import { RunQueue } from './run-queue.js';

/** What a pCPU is doing; every nanosecond is in exactly one mode. */
export type PcpuMode = 'idle' | 'overhead' | 'executing' | 'lost';

export class Pcpu {
  mode: PcpuMode = 'idle';
  /** The time up to which this pCPU's books are settled. */
  sinceNs = 0n;
  /** When it has to be looked at next; null while nothing can happen to it. */
  nextNs: bigint | null = null;
  current: Vcpu | null = null;
  lastRan: Vcpu | null = null;
  startedNs = 0n;
  sliceEndNs = 0n;
  /** A better vCPU waits: give way at this time. */
  giveWayNs: bigint | null = null;
  /** Xen's own work waiting for this pCPU. */
  debtNs = 0n;
  readonly queues: readonly RunQueue[] = [new RunQueue(), new RunQueue(), new RunQueue()];
  readonly books: Omit<PcpuBalance, 'elapsedNs'>;

  constructor(readonly id: number) {
    this.books = { pcpu: id, ownNs: 0n, onBehalfNs: 0n, overheadNs: 0n, idleNs: 0n, lostNs: 0n };
  }

  get idle(): boolean {
    return this.mode === 'idle';
  }

  /** The best waiting vCPU, or null. */
  get best(): Vcpu | null {
    for (const queue of this.queues) if (queue.head !== null) return queue.head;
    return null;
  }

  queueOf(priority: Priority): RunQueue {
    return this.queues[priority] as RunQueue;
  }
}
