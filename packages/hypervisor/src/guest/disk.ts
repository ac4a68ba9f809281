import { BLOCK_SECTOR_BYTES, BLOCK_STATUS, type BlockFrontend, type BlockResponse } from '../abi/block.js';
import { CPU_MODEL, perKib } from '../abi/cpu-model.js';
import { LIMITS } from '../limits.js';
import type { GuestKernel, TaskRoutine, WaitQueue } from './kernel.js';

/** The block frontend: transfers of any length, cut into requests of the ring and kept in flight together. */
export class GuestDisk {
  private readonly answers = new Map<number, BlockResponse>();
  private readonly answered: WaitQueue;
  private nextId = 1;

  constructor(
    private readonly kernel: GuestKernel,
    readonly front: BlockFrontend,
  ) {
    this.answered = kernel.queueOfPort(front.port);
  }

  /** Writes `sectors` from `first` on; `fill` makes the bytes of each part. False when a request failed. */
  *write(first: number, sectors: number, fill: (bytes: number) => Uint8Array): TaskRoutine<boolean> {
    return yield* this.transfer('write', first, sectors, fill);
  }

  *read(first: number, sectors: number): TaskRoutine<boolean> {
    return yield* this.transfer('read', first, sectors, null);
  }

  private *transfer(
    op: 'read' | 'write',
    first: number,
    sectors: number,
    fill: ((bytes: number) => Uint8Array) | null,
  ): TaskRoutine<boolean> {
    const waiting = new Set<number>();
    let at = 0;
    let ok = true;
    while (at < sectors || waiting.size > 0) {
      while (at < sectors && ok) {
        const part = Math.min(sectors - at, LIMITS.blockRequestSectorsMax);
        const bytes = part * BLOCK_SECTOR_BYTES;
        yield { do: 'work', ns: CPU_MODEL.guestBlockCallNs + perKib(CPU_MODEL.guestBytesPerKibNs, bytes) };
        const request = { id: this.nextId, op, sector: first + at, sectors: part, data: fill?.(bytes) };
        if (!this.front.ring.request(request)) break;
        waiting.add(request.id);
        this.nextId += 1;
        at += part;
      }
      if (!ok) at = sectors;
      yield { do: 'hypercall', call: { op: 'event_channel_op', cmd: 'send', port: this.front.port } };
      if (!this.collect(waiting, (status) => (ok &&= status === BLOCK_STATUS.OKAY))) {
        yield { do: 'wait', on: this.answered };
      }
    }
    return ok;
  }

  /** Takes answers out of the ring and ours out of the answers; false when none of ours came. */
  private collect(waiting: Set<number>, each: (status: number) => void): boolean {
    const { ring } = this.front;
    let taken = false;
    for (let r = ring.takeResponse(); r !== undefined; r = ring.takeResponse()) {
      this.answers.set(r.id, r);
      taken = true;
    }
    // Another task's answers, and slots it may wait for, may have come with ours.
    if (taken) this.kernel.wakeAll(this.answered);
    let mine = false;
    for (const id of waiting) {
      const response = this.answers.get(id);
      if (response === undefined) continue;
      this.answers.delete(id);
      waiting.delete(id);
      each(response.status);
      mine = true;
    }
    return mine;
  }
}
