/**
 * The network of a host: published guest ports as real TCP listeners.
 *
 * Design. A published port is bound when its domain is built and keeps its number over restarts. A connection that arrives
 * before the guest listens, or beyond what the domain may hold open, waits unread; WAITING_MAX wait per port, a further
 * one is closed at once. A paused domain accepts and reads nothing: its connections stall until it runs again.
 * Nothing here waits for one peer on behalf of another. A connection that its domain has closed still delivers what was
 * sent, LINGER_MS at most and LINGERING_MAX at a time (the oldest gives way): a peer that does not read keeps nothing.
 *
 * Errors. EADDRINUSE and whatever else `listen` answers, as an Error with `code`.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { LIMITS, type UplinkPort } from '@xenorack/hypervisor';
import { TcpConnection, type ConnectionHost } from './tcp-connection.js';

const WAITING_MAX = 128;
/** After the domain closed a connection, the kernel may send what is left this long, whatever the peer does. */
const LINGER_MS = 30_000;
/** Connections that may do so at the same time. */
const LINGERING_MAX = 1_024;

/** What the uplink tells the host; every call is made between two steps. */
export interface UplinkHost extends ConnectionHost {
  /** A new connection for a listener; false when the domain takes no more now. */
  connect(listenId: number, connectionId: number): boolean;
  /** Something arrived: let the host run soon. */
  wake(): void;
}

interface PublishedPort {
  resourceId: string;
  guestPort: number;
  hostPort: number;
  server: Server;
  listenId: number | null;
  waiting: Socket[];
}

export interface UplinkOptions {
  bindAddress: string;
  /** Where free ports are looked for: first and last, both included. */
  portRange: { first: number; last: number };
  /** True for ports of the range that belong to a domain that is not up now. */
  isReserved?: (hostPort: number) => boolean;
  lingerMs?: number;
  lingeringMax?: number;
}

export class TcpUplink implements UplinkPort {
  private readonly ports = new Map<string, PublishedPort>();
  private readonly byListenId = new Map<number, PublishedPort>();
  private readonly connections = new Map<number, TcpConnection>();
  private readonly lingering = new Set<Socket>();
  private readonly toPump = new Set<TcpConnection>();
  private readonly toOffer = new Set<PublishedPort>();
  /** What guests listen on, published or not, so that a port published later finds its listener. */
  private readonly listens = new Map<string, number>();
  private nextConnectionId = 1;

  constructor(
    private readonly options: UplinkOptions,
    private readonly host: UplinkHost,
  ) {}

  /** Binds a port of a domain; `hostPort` null takes a free one of the range. Answers the port bound. */
  async publish(resourceId: string, guestPort: number, hostPort: number | null): Promise<number> {
    const server = hostPort === null ? await this.bindFree() : await this.bind(hostPort);
    const address = server.address();
    const bound = typeof address === 'object' && address !== null ? address.port : 0;
    const key = portKey(resourceId, guestPort);
    const listenId = this.listens.get(key) ?? null;
    const port: PublishedPort = { resourceId, guestPort, hostPort: bound, server, listenId, waiting: [] };
    this.ports.set(key, port);
    if (listenId !== null) this.byListenId.set(listenId, port);
    server.on('connection', (socket) => this.arrive(port, socket));
    return bound;
  }

  /** Closes the ports of a domain; what still waits for it is reset. The numbers are free again at once. */
  unpublish(resourceId: string): void {
    for (const [key, port] of [...this.ports]) {
      if (port.resourceId !== resourceId) continue;
      this.ports.delete(key);
      for (const socket of port.waiting.splice(0)) socket.destroy();
      port.server.close();
    }
  }

  /** Gives the host what arrived or became possible since the last step. To be called between steps. */
  pump(): void {
    const offers = [...this.toOffer];
    this.toOffer.clear();
    for (const port of offers) this.offerWaiting(port);
    const pumps = [...this.toPump];
    this.toPump.clear();
    for (const connection of pumps) connection.pump();
  }

  /** Closes everything. */
  closeAll(): void {
    for (const connection of this.connections.values()) connection.destroy();
    this.connections.clear();
    for (const socket of this.lingering) socket.destroy();
    this.lingering.clear();
    for (const { resourceId } of [...this.ports.values()]) this.unpublish(resourceId);
  }

  /** Sockets of connections, open ones and those that deliver their last bytes. */
  get openSockets(): number {
    return this.connections.size + this.lingering.size;
  }

  listen(listen: { listenId: number; resourceId: string; guestPort: number }): void {
    const key = portKey(listen.resourceId, listen.guestPort);
    this.listens.set(key, listen.listenId);
    const port = this.ports.get(key);
    if (port === undefined) return;
    port.listenId = listen.listenId;
    this.byListenId.set(listen.listenId, port);
    this.toOffer.add(port);
  }

  unlisten(listenId: number): void {
    for (const [key, id] of this.listens) if (id === listenId) this.listens.delete(key);
    const port = this.byListenId.get(listenId);
    this.byListenId.delete(listenId);
    if (port !== undefined && port.listenId === listenId) port.listenId = null;
  }

  send(connectionId: number, bytes: Uint8Array): void {
    this.connections.get(connectionId)?.send(bytes);
  }

  shut(connectionId: number): void {
    this.connections.get(connectionId)?.endOutput();
  }

  close(connectionId: number): void {
    this.connections.get(connectionId)?.close();
  }

  window(connectionId: number, bytes: number): void {
    this.connections.get(connectionId)?.openWindow(bytes);
  }

  private arrive(port: PublishedPort, socket: Socket): void {
    if (port.waiting.length >= WAITING_MAX) {
      socket.destroy();
      return;
    }
    // A peer that leaves while it waits is taken off the list; errors have no other meaning here.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      const at = port.waiting.indexOf(socket);
      if (at >= 0) port.waiting.splice(at, 1);
    });
    port.waiting.push(socket);
    this.toOffer.add(port);
    this.host.wake();
  }

  private offerWaiting(port: PublishedPort): void {
    while (port.listenId !== null && port.waiting.length > 0) {
      const connectionId = this.nextConnectionId;
      if (!this.host.connect(port.listenId, connectionId)) return;
      this.nextConnectionId += 1;
      const socket = port.waiting.shift()!;
      const connection = new TcpConnection(
        connectionId,
        socket,
        LIMITS.uplinkWindowBytes,
        this.host,
        (ready) => {
          this.toPump.add(ready);
          this.host.wake();
        },
        () => {
          this.connections.delete(connectionId);
          // A place became free for one that waits.
          this.toOffer.add(port);
        },
        (last) => this.linger(last),
      );
      this.connections.set(connectionId, connection);
    }
  }

  /** Lets a socket deliver what it has, and reads what the peer still sends away. A reset leaves the kernel nothing to hold. */
  private linger(socket: Socket): void {
    const { lingerMs = LINGER_MS, lingeringMax = LINGERING_MAX } = this.options;
    this.lingering.add(socket);
    const timer = setTimeout(() => socket.resetAndDestroy(), lingerMs);
    socket.once('close', () => {
      clearTimeout(timer);
      this.lingering.delete(socket);
    });
    if (socket.writableFinished) {
      socket.destroy();
      return;
    }
    socket.once('finish', () => socket.destroy());
    socket.resume();
    socket.end();
    if (this.lingering.size <= lingeringMax) return;
    const oldest = this.lingering.values().next().value!;
    this.lingering.delete(oldest);
    oldest.resetAndDestroy();
  }

  private async bindFree(): Promise<Server> {
    const { first, last } = this.options.portRange;
    // Ports in use here are known; trying only the others keeps the search short.
    const taken = new Set([...this.ports.values()].map((port) => port.hostPort));
    for (let hostPort = first; hostPort <= last; hostPort++) {
      if (taken.has(hostPort) || this.options.isReserved?.(hostPort)) continue;
      try {
        return await this.bind(hostPort);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      }
    }
    throw Object.assign(new Error(`no free port from ${first} to ${last}`), { code: 'EADDRINUSE' });
  }

  private bind(hostPort: number): Promise<Server> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
    return new Promise((done, failed) => {
      server.once('error', failed);
      server.listen({ port: hostPort, host: this.options.bindAddress, backlog: WAITING_MAX }, () => {
        server.removeListener('error', failed);
        // Later errors are failed accepts (no file descriptor left): that peer is refused, the port stays.
        server.on('error', () => undefined);
        done(server);
      });
    });
  }
}

function portKey(resourceId: string, guestPort: number): string {
  return `${resourceId}:${guestPort}`;
}
