import type { EventPort } from './guest.js';
import type { RingFront } from './ring.js';

/** Commands of a frontend, after PV Calls v1. Ids are chosen by the frontend. */
export type SocketCommand =
  | { id: number; cmd: 'listen'; guestPort: number }
  /** Answered when a connection arrives. */
  | { id: number; cmd: 'accept'; listener: number }
  /** Drops a connection at once, whatever is still in its rings. */
  | { id: number; cmd: 'release'; connection: number };

export interface SocketResponse {
  id: number;
  /** 0 or more: the listener's or connection's number; negative: a Xen errno. */
  result: number;
  /** Set by `accept`: the data ring of the new connection. */
  data?: SocketDataRing;
  /** Set by `accept`: the event channel of the new connection. */
  port?: EventPort;
}

/** A bounded stream of bytes in shared memory. */
export interface ByteStream {
  readonly length: number;
  readonly room: number;
  write(bytes: Uint8Array): number;
  read(max: number): Uint8Array;
}

/** The two streams of one connection. `in` is filled by the backend, `out` by the guest. */
export interface SocketDataRing {
  in: ByteStream;
  out: ByteStream;
  /** The peer sends no more: what is in `in` is the rest. */
  inEnded: boolean;
  /** The connection broke: 0, or a negative errno. */
  error: number;
  /** Set by the guest: it sends no more after what is in `out`. */
  outEnded: boolean;
}

export interface SocketFrontend {
  ring: RingFront<SocketCommand, SocketResponse>;
  port: EventPort;
}
