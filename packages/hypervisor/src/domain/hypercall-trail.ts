import { LIMITS } from '../limits.js';

/** One hypercall as it is kept for a crash. `answer` is null while it is under way. */
export interface TrailEntry {
  op: string;
  cmd: string;
  answer: number | null;
}

/**
 * The last hypercalls of one vCPU.
 * Invariant: it holds at most `LIMITS.trailCallsMax` calls, and of what a guest wrote only short words.
 */
export class HypercallTrail {
  private readonly ring: TrailEntry[] = [];
  private next = 0;

  /** A call begins; its command and answer are set when they are known. */
  begin(op: string): TrailEntry {
    const entry: TrailEntry = { op, cmd: '', answer: null };
    this.ring[this.next] = entry;
    this.next = (this.next + 1) % LIMITS.trailCallsMax;
    return entry;
  }

  /** Oldest first. */
  get entries(): TrailEntry[] {
    const turned = [...this.ring.slice(this.next), ...this.ring.slice(0, this.next)];
    return turned.map((entry) => ({ ...entry }));
  }
}
