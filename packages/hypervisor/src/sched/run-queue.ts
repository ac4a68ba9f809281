import { assert } from '../base/assert.js';
import type { Vcpu } from '../domain/vcpu.js';

/** A first-in first-out list of vCPUs of one priority, linked through the vCPUs: joining and leaving cost O(1). */
export class RunQueue {
  head: Vcpu | null = null;
  private tail: Vcpu | null = null;
  length = 0;

  pushTail(vcpu: Vcpu): void {
    assert(!vcpu.queued, 'a vCPU can wait in one queue only');
    vcpu.queued = true;
    vcpu.previous = this.tail;
    vcpu.next = null;
    if (this.tail === null) this.head = vcpu;
    else this.tail.next = vcpu;
    this.tail = vcpu;
    this.length += 1;
  }

  pushHead(vcpu: Vcpu): void {
    assert(!vcpu.queued, 'a vCPU can wait in one queue only');
    vcpu.queued = true;
    vcpu.next = this.head;
    vcpu.previous = null;
    if (this.head === null) this.tail = vcpu;
    else this.head.previous = vcpu;
    this.head = vcpu;
    this.length += 1;
  }

  remove(vcpu: Vcpu): void {
    assert(vcpu.queued, 'only a waiting vCPU can leave its queue');
    if (vcpu.previous === null) this.head = vcpu.next;
    else vcpu.previous.next = vcpu.next;
    if (vcpu.next === null) this.tail = vcpu.previous;
    else vcpu.next.previous = vcpu.previous;
    vcpu.next = null;
    vcpu.previous = null;
    vcpu.queued = false;
    this.length -= 1;
  }
}
