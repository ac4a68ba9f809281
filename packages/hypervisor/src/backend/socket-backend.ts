import { CPU_MODEL, perKib } from '../abi/cpu-model.js';
import { ERRNO } from '../abi/errno.js';
import type { UplinkCloseReason, UplinkPort } from '../abi/device-ports.js';
import type { Guest, GuestImage, StartInfo } from '../abi/guest.js';
import { coroutineGuest, type GuestRoutine } from '../guest/coroutine.js';
import { createDataRing } from '../ring/data-ring.js';
import { LIMITS } from '../limits.js';
import { runSocketCommand } from './socket-commands.js';
import { Connection, type SocketLink } from './socket-link.js';

export type SocketDirection = 'rx' | 'tx';

/** What Xen and the toolstack do for this backend. */
export interface SocketServices {
  uplink: UplinkPort;
  /** Meters `bytes` if every allowance can pay for them; false, and nothing metered, otherwise. */
  meter(link: SocketLink, direction: SocketDirection, bytes: number): boolean;
  /** A new event channel between the guest and the driver domain; null when one of them has too many. */
  connect(link: SocketLink): { frontPort: number; port: number } | null;
  /** Closes the driver domain's end of a channel. */
  closePort(port: number): void;
  /** Closes the guest's end, when the guest has let go of it. */
  closeFront(link: SocketLink, frontPort: number): void;
  /** The driver domain sends through its port. */
  send(port: number): void;
  /** Raises the interrupt of the driver domain. */
  interrupt(): void;
}

/**
 * Design: the socket driver domain, after PV Calls. Domains with commands and connections with something to move wait
 * in one queue and are served one command or one chunk at a time, in turn. A byte is metered at the step in which it
 * crosses a data ring.
 * Backpressure: towards the guest, the owner may pass only what the window allows, and the window reopens as the guest
 * reads; towards the peer, the guest's ring drains only as the owner gives send space back.
 * Invariants: bytes passed = bytes metered; buffers are bounded by `LIMITS`; nothing in a ring is trusted.
 */
export class SocketBackend {
  private readonly ports = new Map<number, SocketLink | Connection>();
  private readonly ready: (SocketLink | Connection)[] = [];
  private readonly held = new Set<SocketLink>();
  private readonly listeners = new Map<number, { link: SocketLink; listener: number }>();
  private readonly connections = new Map<number, Connection>();
  private nextListenId = 1;
  readonly passed = { rxBytes: 0n, txBytes: 0n };
  chunks = 0;

  constructor(readonly services: SocketServices) {}

  get image(): GuestImage {
    return { name: 'pvcallsback', boot: (info) => this.boot(info) };
  }

  /** Whoever is connected through the driver domain's `port`. */
  open(target: SocketLink | Connection, port: number): void {
    target.port = port;
    this.ports.set(port, target);
  }

  enqueue(target: SocketLink | Connection): void {
    if (target.closed || target.ready) return;
    target.ready = true;
    this.ready.push(target);
  }

  /** The uplink, or the host, has something for it. */
  private kick(target: SocketLink | Connection): void {
    this.enqueue(target);
    this.services.interrupt();
  }

  releaseHolds(): void {
    const held = [...this.held];
    this.held.clear();
    for (const link of held) {
      link.held = false;
      for (const connection of link.connections.values()) this.kick(connection);
    }
  }

  /** A connection arrived for a listener. 0, or the errno of why it is not taken; the owner then closes it. */
  accepted(listenId: number, connectionId: number): 0 | 'ENOENT' | 'EEXIST' | 'ENOBUFS' | 'EAGAIN' {
    const found = this.listeners.get(listenId);
    if (found === undefined) return 'ENOENT';
    if (this.connections.has(connectionId)) return 'EEXIST';
    const { link } = found;
    const listener = link.listeners.get(found.listener);
    if (listener === undefined) return 'ENOENT';
    if (link.openConnections >= LIMITS.socketConnectionsPerDomainMax) return 'ENOBUFS';
    if (listener.backlog.length >= LIMITS.socketBacklogMax) return 'EAGAIN';
    const connection = new Connection(connectionId, link, createDataRing());
    link.openConnections += 1;
    this.connections.set(connectionId, connection);
    listener.backlog.push(connection);
    this.kick(link);
    return 0;
  }

  /** Bytes from a peer. False, and nothing taken, when they exceed the window the owner was given. */
  received(connectionId: number, bytes: Uint8Array): 'taken' | 'gone' | 'overrun' {
    const connection = this.connections.get(connectionId);
    if (connection === undefined || connection.inboundEnded) return 'gone';
    if (bytes.length > connection.inbound.room) return 'overrun';
    connection.inbound.write(bytes);
    this.kick(connection);
    return 'taken';
  }

  windowOf(connectionId: number): number {
    return this.connections.get(connectionId)?.inbound.room ?? 0;
  }

  sent(connectionId: number, bytes: number): boolean {
    const connection = this.connections.get(connectionId);
    if (connection === undefined) return false;
    connection.sendWindow = Math.min(LIMITS.uplinkWindowBytes, connection.sendWindow + bytes);
    this.kick(connection);
    return true;
  }

  peerClosed(connectionId: number, reason: UplinkCloseReason): boolean {
    const connection = this.connections.get(connectionId);
    if (connection === undefined) return false;
    connection.inboundEnded = true;
    if (reason === 'reset') {
      connection.inbound.clear();
      connection.reset = true;
    }
    this.kick(connection);
    return true;
  }

  /** The domain is gone: everything it had is closed towards the peers. */
  close(link: SocketLink): void {
    link.closed = true;
    this.held.delete(link);
    this.ports.delete(link.port);
    for (const listener of link.listeners.values()) this.closeListener(listener.listenId, listener.backlog);
    link.listeners.clear();
    for (const connection of [...link.connections.values()]) this.drop(connection);
  }

  addListener(link: SocketLink, listener: number, guestPort: number): void {
    const listenId = this.nextListenId;
    this.nextListenId += 1;
    this.listeners.set(listenId, { link, listener });
    link.listeners.set(listener, { listenId, guestPort, accepts: [], backlog: [] });
    this.services.uplink.listen({ listenId, resourceId: link.domainId, domId: link.domId, guestPort });
  }

  /** Ends a connection for its domain and for its peer. */
  drop(connection: Connection): void {
    if (connection.closed) return;
    connection.closed = true;
    const { link } = connection;
    link.openConnections -= 1;
    this.connections.delete(connection.connectionId);
    if (connection.port !== 0) {
      this.ports.delete(connection.port);
      this.services.closePort(connection.port);
    }
    this.services.uplink.close(connection.connectionId);
  }

  /** The guest lets go of a connection: only now may its number and its end of the channel be used again. */
  release(connection: Connection): void {
    this.drop(connection);
    connection.link.connections.delete(connection.number);
    this.services.closeFront(connection.link, connection.frontPort);
  }

  private closeListener(listenId: number, backlog: readonly Connection[]): void {
    this.listeners.delete(listenId);
    this.services.uplink.unlisten(listenId);
    for (const connection of backlog) this.drop(connection);
  }

  private boot(info: StartInfo): Guest {
    return coroutineGuest(() => this.main(info));
  }

  private *main(info: StartInfo): GuestRoutine {
    for (;;) {
      for (const port of info.takePendingPorts()) {
        const rang = this.ports.get(port);
        if (rang === undefined) continue;
        if (!hasWork(rang)) yield { do: 'work', ns: CPU_MODEL.ringLookNs, onBehalfOf: domIdOf(rang) };
        this.enqueue(rang);
      }
      const target = this.ready.shift();
      if (target === undefined) {
        yield { do: 'block' };
        continue;
      }
      target.ready = false;
      if (target.closed) continue;
      if (target instanceof Connection) yield* this.serve(target);
      else yield* runSocketCommand(this, target);
    }
  }

  /** Moves one chunk each way and passes on what has ended. */
  private *serve(connection: Connection): GuestRoutine {
    if (connection.port === 0) return;
    const { link } = connection;
    if (!link.held && connection.canReceive) yield* this.moveIn(connection);
    if (!link.held && !connection.closed && connection.canSend) yield* this.moveOut(connection);
    if (connection.closed) return;
    this.passEnds(connection);
    if (!connection.closed && !link.held && (connection.canReceive || connection.canSend))
      this.enqueue(connection);
  }

  private *moveIn(connection: Connection): GuestRoutine {
    const { link, data } = connection;
    const planned = Math.min(connection.inbound.length, LIMITS.socketChunkBytesMax, data.in.room);
    yield chunkWork(link.domId, planned);
    const bytes = Math.min(planned, connection.inbound.length, data.in.room);
    if (connection.closed || bytes === 0) return;
    if (!this.services.meter(link, 'rx', bytes)) return this.hold(link);
    data.in.write(connection.inbound.read(bytes));
    this.passed.rxBytes += BigInt(bytes);
    this.chunks += 1;
    this.services.send(connection.port);
    if (!connection.inboundEnded) this.services.uplink.window(connection.connectionId, bytes);
  }

  private *moveOut(connection: Connection): GuestRoutine {
    const { link, data } = connection;
    const planned = Math.min(data.out.length, LIMITS.socketChunkBytesMax, connection.sendWindow);
    yield chunkWork(link.domId, planned);
    const bytes = Math.min(planned, data.out.length, connection.sendWindow);
    if (connection.closed || connection.reset || bytes === 0) return;
    if (!this.services.meter(link, 'tx', bytes)) return this.hold(link);
    connection.sendWindow -= bytes;
    this.passed.txBytes += BigInt(bytes);
    this.chunks += 1;
    this.services.uplink.send(connection.connectionId, data.out.read(bytes));
    this.services.send(connection.port);
  }

  private hold(link: SocketLink): void {
    link.held = true;
    this.held.add(link);
  }

  private passEnds(connection: Connection): void {
    const { data } = connection;
    if (connection.reset && data.error === 0) {
      data.error = -ERRNO.ENOTCONN;
      data.inEnded = true;
      this.services.send(connection.port);
      this.drop(connection);
      return;
    }
    if (connection.inboundEnded && connection.inbound.length === 0 && !data.inEnded) {
      data.inEnded = true;
      this.services.send(connection.port);
    }
    if (data.outEnded && data.out.length === 0 && !connection.shut) {
      connection.shut = true;
      this.services.uplink.shut(connection.connectionId);
    }
    if (connection.shut && data.inEnded) this.drop(connection);
  }
}

function chunkWork(domId: number, bytes: number) {
  const ns = CPU_MODEL.socketChunkNs + perKib(CPU_MODEL.socketPerKibNs, bytes);
  return { do: 'work', ns, onBehalfOf: domId } as const;
}

function domIdOf(target: SocketLink | Connection): number {
  return target instanceof Connection ? target.link.domId : target.domId;
}

/** Whether somebody who rang has left something to do; the first ring tells that the channel was bound. */
function hasWork(target: SocketLink | Connection): boolean {
  if (!target.rung) return (target.rung = true);
  if (!(target instanceof Connection)) return target.ring.requests > 0;
  return !target.link.held && (target.canReceive || target.canSend);
}
