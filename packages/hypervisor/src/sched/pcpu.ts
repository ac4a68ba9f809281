import type { Vcpu } from '../domain/vcpu.js';
import type { PcpuBalance } from '../meter/trial-balance.js';

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
  /** What lost time interrupted, and how much of its slice was left. */
  interrupted: Vcpu | null = null;
  sliceLeftNs: bigint | null = null;
  readonly books: Omit<PcpuBalance, 'elapsedNs'>;

  constructor(readonly id: number) {
    this.books = { pcpu: id, ownNs: 0n, onBehalfNs: 0n, overheadNs: 0n, idleNs: 0n, lostNs: 0n };
  }

  /** Nothing to do, and nobody has asked it to look. */
  get free(): boolean {
    return this.mode === 'idle' && this.nextNs === null;
  }
}
