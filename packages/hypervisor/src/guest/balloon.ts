import type { GuestImage, StartInfo } from '../abi/guest.js';
import { returnCode } from '../abi/hypercall.js';
import { coroutineGuest, type GuestRoutine } from './coroutine.js';

/** Frames of one call. */
const CALL_FRAMES = 512;

/**
 * Design: the balloon of an auto-translated guest. It gives memory back from the top of what is its own, leaving Xen's
 * pages alone, and fills the same places again; what the toolstack allows beyond the memory at boot comes above it.
 * Invariant: the guest frames at places below `inflatedFrom` are there, the others are not.
 */
export class Balloon {
  private inflatedFrom: number;

  constructor(private readonly info: StartInfo) {
    this.inflatedFrom = info.ordinaryFrames;
  }

  /** Goes towards the target until it is reached or Xen has no more to give. @returns The frames it is short of it. */
  *follow(): GuestRoutine<number> {
    for (;;) {
      const wanted = Math.max(0, this.placesAt(this.info.memoryTargetFrames()));
      const more = wanted - this.inflatedFrom;
      if (more === 0) return 0;
      const done = more < 0 ? yield* this.inflate(wanted) : yield* this.deflate(wanted);
      if (done === 0) return Math.max(0, more);
    }
  }

  private placesAt(frames: number): number {
    return this.info.ordinaryFrames + frames - this.info.memoryFrames;
  }

  private *inflate(wanted: number): GuestRoutine<number> {
    const count = Math.min(CALL_FRAMES, this.inflatedFrom - wanted);
    const extents = this.guestFrames(this.inflatedFrom - count, count);
    // From the top down, so that whatever stops the call leaves no hole.
    extents.reverse();
    const call = { op: 'memory_op', cmd: 'decrease_reservation', extents } as const;
    const done = returnCode(yield { do: 'hypercall', call });
    this.inflatedFrom -= done;
    return done;
  }

  private *deflate(wanted: number): GuestRoutine<number> {
    const extents = this.guestFrames(this.inflatedFrom, Math.min(CALL_FRAMES, wanted - this.inflatedFrom));
    const call = { op: 'memory_op', cmd: 'populate_physmap', extents } as const;
    const done = returnCode(yield { do: 'hypercall', call });
    this.inflatedFrom += done;
    return done;
  }

  /** Places above the memory at boot lie above Xen's pages. */
  private guestFrames(first: number, count: number): number[] {
    const { ordinaryFrames, memoryFrames } = this.info;
    return Array.from({ length: count }, (_, at) => {
      const place = first + at;
      return place < ordinaryFrames ? place : memoryFrames + place - ordinaryFrames;
    });
  }
}

/** Sleeps, and balloons to what the toolstack asks for. */
export const balloon: GuestImage = {
  name: 'balloon',
  boot(info) {
    const own = new Balloon(info);
    return coroutineGuest(function* () {
      for (;;) {
        info.takePendingPorts();
        yield* own.follow();
        yield { do: 'block' };
      }
    });
  },
};
