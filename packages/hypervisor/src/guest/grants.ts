import { GRANT_ENTRIES_PER_FRAME, GRANT_ENTRY_BYTES, GRANT_RESERVED_ENTRIES, GTF } from '../abi/grant.js';
import type { GuestMemory } from '../abi/guest-memory.js';
import { DOMID_SELF } from '../abi/guest.js';
import { type HypercallAnswer, returnCode } from '../abi/hypercall.js';
import type { GuestRoutine } from './coroutine.js';

const FRAME_BYTES = 4096n;

/** One element of an answer of `grant_table_op`. */
export interface GrantResult {
  status: number;
  readonly [field: string]: unknown;
}

/** A grant table operation: its elements' results, or its errno. */
export function* grantTableOp(cmd: string, ops: readonly object[]): GuestRoutine<GrantResult[] | number> {
  const answer: HypercallAnswer | undefined = yield {
    do: 'hypercall',
    call: { op: 'grant_table_op', cmd, ops },
  };
  const rc = returnCode(answer);
  return rc < 0 ? rc : ((answer as { results?: unknown }).results as GrantResult[]);
}

/**
 * Design: a guest's own grant table: which references are free, and the entries written in the order that Xen relies
 * on: frame and domain first, flags last. The first 8 references are the toolstack's.
 * Invariant: a reference is free, or somebody may use it; one in use is never given out again before it was ended.
 */
export class GuestGrants {
  private readonly free: number[] = [];

  /** @param addressOf Where the guest reaches frame `at` of its table. */
  constructor(
    private readonly memory: GuestMemory,
    private readonly addressOf: (at: number) => bigint,
    tableFrames: number,
  ) {
    for (let ref = tableFrames * GRANT_ENTRIES_PER_FRAME - 1; ref >= GRANT_RESERVED_ENTRIES; ref -= 1)
      this.free.push(ref);
  }

  /** Sets a table up for a guest whose memory Xen translates; the errno or status when it may not. */
  static *setUp(memory: GuestMemory, tableFrames: number): GuestRoutine<GuestGrants | number> {
    const answered = yield* grantTableOp('setup_table', [{ domId: DOMID_SELF, nrFrames: tableFrames }]);
    if (typeof answered === 'number') return answered;
    const { status, frameList } = answered[0] as GrantResult;
    if (status !== 0) return status;
    const frames = frameList as number[];
    return new GuestGrants(memory, (at) => BigInt(frames[at] as number) * FRAME_BYTES, tableFrames);
  }

  get freeRefs(): number {
    return this.free.length;
  }

  /** Lets `domid` use a frame; the reference to tell it, or null when there is none left. */
  grantAccess(domid: number, frame: number, options: { readonly?: boolean } = {}): number | null {
    return this.offer(domid, frame, GTF.permitAccess | (options.readonly ? GTF.readonly : 0));
  }

  /** Takes a grant back; false while it is in use, and it stays granted then: nobody can force it. */
  endAccess(ref: number): boolean {
    if ((this.flagsOf(ref) & (GTF.reading | GTF.writing)) !== 0) return false;
    return this.end(ref);
  }

  /** Awaits a frame from `domid`; where, if Xen translates this guest's memory. */
  acceptTransfer(domid: number, frame = 0): number | null {
    return this.offer(domid, frame, GTF.acceptTransfer);
  }

  /**
   * The frame that came; null when none did, and then none will. 'committed': one is on its way.
   */
  endTransfer(ref: number): number | 'committed' | null {
    const flags = this.flagsOf(ref);
    if ((flags & GTF.transferCommitted) !== 0 && (flags & GTF.transferCompleted) === 0) return 'committed';
    const frame = (flags & GTF.transferCompleted) === 0 ? null : this.frameOf(ref);
    this.end(ref);
    return frame;
  }

  flagsOf(ref: number): number {
    const bytes = this.memory.load(this.entryAt(ref), 2) ?? new Uint8Array(2);
    return (bytes[0] as number) | ((bytes[1] as number) << 8);
  }

  private frameOf(ref: number): number {
    const bytes = this.memory.load(this.entryAt(ref) + 4n, 4) ?? new Uint8Array(4);
    return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  }

  private offer(domid: number, frame: number, flags: number): number | null {
    const ref = this.free.pop();
    if (ref === undefined) return null;
    const at = this.entryAt(ref);
    const body = new DataView(new ArrayBuffer(6));
    body.setUint16(0, domid, true);
    body.setUint32(2, frame, true);
    this.memory.store(at + 2n, new Uint8Array(body.buffer));
    this.memory.store(at, Uint8Array.of(flags & 0xff, flags >>> 8));
    return ref;
  }

  private end(ref: number): boolean {
    this.memory.store(this.entryAt(ref), Uint8Array.of(0, 0));
    this.free.push(ref);
    return true;
  }

  private entryAt(ref: number): bigint {
    const base = this.addressOf(Math.floor(ref / GRANT_ENTRIES_PER_FRAME));
    return base + BigInt((ref % GRANT_ENTRIES_PER_FRAME) * GRANT_ENTRY_BYTES);
  }
}
