import type { BlockOp } from './block.js';

/** A transfer the owner has to do; answered by `host.completeDisk(requestId, ...)`, at any later step. */
export interface DiskSubmission {
  requestId: number;
  volumeId: string;
  op: BlockOp;
  offsetBytes: bigint;
  lengthBytes: number;
  /** Set for writes; the owner may keep it. */
  data?: Uint8Array;
}

/** Real storage, supplied by the owner of the host. Calls return at once and do not throw. */
export interface DiskPort {
  submit(submission: DiskSubmission): void;
}

/**
 * The real network, supplied by the owner of the host. Listeners and connections are named by numbers: the host chooses
 * `listenId`, the owner `connectionId`. Calls return at once and do not throw.
 */
export interface UplinkPort {
  /** A domain wants connections on its `guestPort`. */
  listen(listen: { listenId: number; resourceId: string; domId: number; guestPort: number }): void;
  unlisten(listenId: number): void;
  /** Bytes towards the peer; `host.uplinkSent` gives the space back. */
  send(connectionId: number, bytes: Uint8Array): void;
  /** No more bytes follow (half close). */
  shut(connectionId: number): void;
  /** The connection is over for the domain; the owner forgets it. */
  close(connectionId: number): void;
  /** The owner may pass this many more received bytes. It starts with `LIMITS.uplinkWindowBytes`. */
  window(connectionId: number, bytes: number): void;
}

export type UplinkCloseReason = 'end' | 'reset';
