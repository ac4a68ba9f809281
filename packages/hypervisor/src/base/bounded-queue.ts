import { assert } from './assert.js';

/** A first-in first-out queue with a hard bound; both ends cost O(1). */
export class BoundedQueue<T> {
  private items: (T | undefined)[] = [];
  private head = 0;

  constructor(readonly lengthMax: number) {
    assert(lengthMax > 0, 'a queue needs room for one item');
  }

  get length(): number {
    return this.items.length - this.head;
  }

  get room(): number {
    return this.lengthMax - this.length;
  }

  /** False when the queue is full; nothing is stored then. */
  push(item: T): boolean {
    if (this.length >= this.lengthMax) return false;
    this.items.push(item);
    return true;
  }

  peek(): T | undefined {
    return this.items[this.head];
  }

  shift(): T | undefined {
    if (this.head === this.items.length) return undefined;
    const item = this.items[this.head];
    this.items[this.head] = undefined;
    this.head += 1;
    if (this.head === this.items.length || this.head > 64) {
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
    return item;
  }

  clear(): void {
    this.items = [];
    this.head = 0;
  }
}
