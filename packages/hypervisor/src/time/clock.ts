import { assert } from '../base/assert.js';

/** Host time: nanoseconds since the host started. Only the run loop moves it. */
export class Clock {
  nowNs = 0n;

  advance(toNs: bigint): void {
    assert(toNs >= this.nowNs, () => `time would go back from ${this.nowNs} to ${toNs}`);
    this.nowNs = toNs;
  }
}
