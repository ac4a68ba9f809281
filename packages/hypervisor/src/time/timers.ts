import type { Clock } from './clock.js';

export interface Timer {
  dueNs: bigint;
  readonly order: number;
  /** Place in the heap; -1 when the timer is not set. */
  position: number;
  readonly fire: () => void;
}

/**
 * Design: an indexed binary heap, so that setting and cancelling cost O(log timers) and looking costs O(1).
 * Invariants: timers fire in the order of (due time, creation); a timer is in the heap at most once.
 */
export class Timers {
  private readonly heap: Timer[] = [];
  private created = 0;

  constructor(private readonly clock: Clock) {}

  create(fire: () => void): Timer {
    this.created += 1;
    return { dueNs: 0n, order: this.created, position: -1, fire };
  }

  /** Sets or moves a timer; a time already past fires at the next step. */
  set(timer: Timer, dueNs: bigint): void {
    timer.dueNs = dueNs < this.clock.nowNs ? this.clock.nowNs : dueNs;
    if (timer.position < 0) {
      timer.position = this.heap.length;
      this.heap.push(timer);
    }
    this.siftUp(timer.position);
    this.siftDown(timer.position);
  }

  cancel(timer: Timer): void {
    const at = timer.position;
    if (at < 0) return;
    timer.position = -1;
    const last = this.heap.pop() as Timer;
    if (last === timer) return;
    this.heap[at] = last;
    last.position = at;
    this.siftUp(at);
    this.siftDown(last.position);
  }

  get nextNs(): bigint | null {
    const first = this.heap[0];
    return first === undefined ? null : first.dueNs;
  }

  /** Fires everything due at the clock's time. A timer that sets itself again for the same instant fires again. */
  fireDue(): void {
    for (;;) {
      const first = this.heap[0];
      if (first === undefined || first.dueNs > this.clock.nowNs) return;
      this.cancel(first);
      first.fire();
    }
  }

  private before(a: Timer, b: Timer): boolean {
    return a.dueNs < b.dueNs || (a.dueNs === b.dueNs && a.order < b.order);
  }

  private siftUp(from: number): void {
    let at = from;
    const timer = this.heap[at] as Timer;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = this.heap[up] as Timer;
      if (!this.before(timer, parent)) break;
      this.heap[at] = parent;
      parent.position = at;
      at = up;
    }
    this.heap[at] = timer;
    timer.position = at;
  }

  private siftDown(from: number): void {
    let at = from;
    const timer = this.heap[at] as Timer;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= this.heap.length) break;
      const right = this.heap[child + 1];
      if (right !== undefined && this.before(right, this.heap[child] as Timer)) child += 1;
      const below = this.heap[child] as Timer;
      if (!this.before(below, timer)) break;
      this.heap[at] = below;
      below.position = at;
      at = child;
    }
    this.heap[at] = timer;
    timer.position = at;
  }
}
