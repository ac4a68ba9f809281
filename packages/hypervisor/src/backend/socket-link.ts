import type { SocketCommand, SocketDataRing, SocketResponse } from '../abi/sockets.js';
import type { RingBack } from '../abi/ring.js';
import { ByteQueue } from '../base/byte-queue.js';
import { LIMITS } from '../limits.js';

export interface Listener {
  listenId: number;
  guestPort: number;
  /** Ids of accept commands that wait for a connection. */
  accepts: number[];
  backlog: Connection[];
}

/** The sockets of one domain, from the backend's side. */
export class SocketLink {
  closed = false;
  ready = false;
  /** An allowance cannot pay for its bytes. */
  held = false;
  /** It has been rung before: the first time is the binding of its channel. */
  rung = false;
  readonly listeners = new Map<number, Listener>();
  readonly connections = new Map<number, Connection>();
  /** Accepted by the guest or waiting in a backlog. */
  openConnections = 0;
  nextNumber = 1;
  /** The driver domain's end of the command ring's event channel. */
  port = 0;

  constructor(
    readonly domId: number,
    readonly domainId: string,
    readonly ring: RingBack<SocketCommand, SocketResponse>,
  ) {}
}

/** One connection between a peer of the uplink and a domain. */
export class Connection {
  closed = false;
  ready = false;
  reset = false;
  shut = false;
  rung = false;
  /** The guest's number of it, and both ends of its event channel; 0 while it waits in a backlog. */
  number = 0;
  port = 0;
  frontPort = 0;
  readonly inbound = new ByteQueue(LIMITS.uplinkWindowBytes);
  inboundEnded = false;
  sendWindow: number = LIMITS.uplinkWindowBytes;

  constructor(
    readonly connectionId: number,
    readonly link: SocketLink,
    readonly data: SocketDataRing,
  ) {}

  get canReceive(): boolean {
    return this.inbound.length > 0 && this.data.in.room > 0;
  }

  get canSend(): boolean {
    return !this.reset && !this.shut && this.sendWindow > 0 && this.data.out.length > 0;
  }
}
