import { assert } from '../base/assert.js';
import type { Vcpu } from '../domain/vcpu.js';

/**
 * Design: the waiting vCPUs of one affinity, in a binary heap: the boosted in the order in which they came, then the
 * others by key, the one that had least for its weight first. The queue's clock is the key of the vCPU that was taken
 * last, or the highest of those; `baseKey` sets it against the clocks of other queues, so that a whole queue that
 * cannot keep up (too many vCPUs on too few pCPUs) is brought nearer without losing its own order.
 * Invariants: joining and leaving cost O(log waiting), looking O(1); a vCPU waits in one queue at most.
 * Units: a key is ns of CPU per unit of weight.
 */
export class RunQueue {
  clockKey = 0;
  /** The weight of whom the clock follows. */
  clockWeight = 256;
  baseKey = 0;
  /** vCPUs that have this affinity, and those of them that execute or are being switched to. */
  members = 0;
  executing = 0;
  private readonly heap: Vcpu[] = [];

  constructor(
    readonly id: number,
    /** By pCPU number: where its vCPUs may execute, and where of these they would rather. */
    readonly allowed: readonly boolean[],
    readonly preferred: readonly boolean[],
  ) {}

  get head(): Vcpu | null {
    return this.heap[0] ?? null;
  }

  get waiting(): number {
    return this.heap.length;
  }

  push(vcpu: Vcpu): void {
    assert(vcpu.queueAt < 0, 'a vCPU can wait in one queue only');
    vcpu.queueAt = this.heap.length;
    this.heap.push(vcpu);
    this.siftUp(vcpu);
  }

  remove(vcpu: Vcpu): void {
    const at = vcpu.queueAt;
    assert(this.heap[at] === vcpu, 'only a waiting vCPU can leave its queue');
    vcpu.queueAt = -1;
    const last = this.heap.pop() as Vcpu;
    if (last === vcpu) return;
    this.heap[at] = last;
    last.queueAt = at;
    this.siftUp(last);
    this.siftDown(last);
  }

  private siftUp(vcpu: Vcpu): void {
    let at = vcpu.queueAt;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = this.heap[up] as Vcpu;
      if (!before(vcpu, parent)) break;
      this.heap[at] = parent;
      parent.queueAt = at;
      at = up;
    }
    this.heap[at] = vcpu;
    vcpu.queueAt = at;
  }

  private siftDown(vcpu: Vcpu): void {
    let at = vcpu.queueAt;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= this.heap.length) break;
      const right = this.heap[child + 1];
      if (right !== undefined && before(right, this.heap[child] as Vcpu)) child += 1;
      const below = this.heap[child] as Vcpu;
      if (!before(below, vcpu)) break;
      this.heap[at] = below;
      below.queueAt = at;
      at = child;
    }
    this.heap[at] = vcpu;
    vcpu.queueAt = at;
  }
}

function before(a: Vcpu, b: Vcpu): boolean {
  if (a.boosted !== b.boosted) return a.boosted;
  if (!a.boosted && a.key !== b.key) return a.key < b.key;
  return a.arrival < b.arrival;
}
