/** The types of a frame, with Xen's numbers (public/xen.h, asm-x86/mm.h). A frame has one at a time. */
export const FRAME_TYPES = ['none', 'l1', 'l2', 'l3', 'l4', 'seg_desc', 'shared', 'writable'] as const;
export type FrameType = (typeof FRAME_TYPES)[number];

export const TYPE = { none: 0, l1: 1, l2: 2, l3: 3, l4: 4, seg_desc: 5, shared: 6, writable: 7 } as const;

/** Bits of a frame's `flags`. */
export const FRAME = {
  /** The owner's own reference, gone once it has given the frame back. */
  allocated: 1,
  /** A page table kept validated by one general and one type reference of its own. */
  pinned: 2,
  /** The contents are checked for the type. */
  validated: 4,
  /** Stolen from its owner and not yet given to another: in nobody's list. */
  stolen: 8,
} as const;

export const FRAME_BYTES = 4096;
/** Nobody. */
export const NONE = -1;

const ROOM_AT_FIRST = 4096;

/**
 * Design: what is known of each machine frame, one typed array per fact, with room for the frames below the high-water
 * mark only. A frame that was never used has no record; a record of zeros is a frame of nobody.
 * `next` and `previous` chain a frame into its owner's list or, at the head of a free block, into the free list.
 */
export class FrameRecords {
  /** Domain id + 1; 0 for nobody. */
  owner = new Int16Array(0);
  flags = new Uint8Array(0);
  /** References of any kind, the allocated one included. */
  count = new Uint32Array(0);
  type = new Uint8Array(0);
  typeCount = new Uint32Array(0);
  /** Guest frame number + 1, as the owner or the builder said (Xen's M2P); 0 for none. */
  gfn = new Uint32Array(0);
  next = new Int32Array(0);
  previous = new Int32Array(0);
  /** Order + 1 at the first frame of a free block, else 0. */
  freeOrder = new Uint8Array(0);

  constructor(private readonly totalFrames: number) {}

  /** Makes room for frames below `frames`. */
  reserve(frames: number): void {
    const room = this.owner.length;
    if (frames <= room) return;
    const wanted = Math.min(this.totalFrames, Math.max(frames, room * 2, ROOM_AT_FIRST));
    const grown = <T extends Int16Array | Uint8Array | Uint32Array | Int32Array>(fresh: T, old: T): T => {
      fresh.set(old);
      return fresh;
    };
    this.owner = grown(new Int16Array(wanted), this.owner);
    this.flags = grown(new Uint8Array(wanted), this.flags);
    this.count = grown(new Uint32Array(wanted), this.count);
    this.type = grown(new Uint8Array(wanted), this.type);
    this.typeCount = grown(new Uint32Array(wanted), this.typeCount);
    this.gfn = grown(new Uint32Array(wanted), this.gfn);
    this.next = grown(new Int32Array(wanted), this.next);
    this.previous = grown(new Int32Array(wanted), this.previous);
    this.freeOrder = grown(new Uint8Array(wanted), this.freeOrder);
  }
}
