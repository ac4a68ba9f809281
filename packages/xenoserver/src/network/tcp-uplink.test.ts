import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { TcpUplink, type UplinkHost } from './tcp-uplink.js';

/** A host that records what it is given and grants nothing by itself. */
class RecordingHost implements UplinkHost {
  readonly connections: number[] = [];
  readonly bytes = new Map<number, Buffer>();
  readonly sentBytes = new Map<number, number>();
  readonly closes: string[] = [];
  full = false;
  uplink!: TcpUplink;
  private waiters: { ready: () => boolean; done: () => void }[] = [];

  connect(_listenId: number, connectionId: number): boolean {
    if (this.full) return false;
    this.connections.push(connectionId);
    this.check();
    return true;
  }
  received(connectionId: number, bytes: Uint8Array): void {
    this.bytes.set(connectionId, Buffer.concat([this.bytes.get(connectionId) ?? Buffer.alloc(0), bytes]));
    this.check();
  }
  sent(connectionId: number, bytes: number): void {
    this.sentBytes.set(connectionId, (this.sentBytes.get(connectionId) ?? 0) + bytes);
    this.check();
  }
  closed(connectionId: number, reason: 'end' | 'reset'): void {
    this.closes.push(`${connectionId} ${reason}`);
    this.check();
  }
  wake(): void {
    setImmediate(() => {
      this.uplink.pump();
      this.check();
    });
  }
  until(ready: () => boolean): Promise<void> {
    return new Promise((done) => {
      this.waiters.push({ ready, done });
      this.check();
    });
  }
  private check(): void {
    this.waiters = this.waiters.filter((waiter) => {
      if (!waiter.ready()) return true;
      waiter.done();
      return false;
    });
  }
}

const uplinks: TcpUplink[] = [];
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const uplink of uplinks.splice(0)) uplink.closeAll();
});

function start(limits: { lingerMs?: number; lingeringMax?: number } = {}): {
  host: RecordingHost;
  uplink: TcpUplink;
} {
  const host = new RecordingHost();
  const uplink = new TcpUplink(
    { bindAddress: '127.0.0.1', portRange: { first: 23_100, last: 23_199 }, ...limits },
    host,
  );
  host.uplink = uplink;
  uplinks.push(uplink);
  return { host, uplink };
}

async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => undefined);
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

/** Turns of the event loop until something is so. */
async function turnsUntil(ready: () => boolean): Promise<void> {
  while (!ready()) await new Promise((done) => setImmediate(done));
}

describe('TcpUplink', () => {
  test('a connection waits unread until the guest listens, then its bytes arrive in order', async () => {
    const { host, uplink } = start();
    const port = await uplink.publish('dom', 80, null);
    const peer = await dial(port);
    peer.write('hello ');
    expect(host.connections).toEqual([]);
    uplink.listen({ listenId: 1, resourceId: 'dom', guestPort: 80 });
    host.wake();
    await host.until(() => host.connections.length === 1);
    peer.end('world');
    await host.until(() => host.closes.length === 1);
    expect(host.bytes.get(host.connections[0]!)?.toString()).toBe('hello world');
    expect(host.closes).toEqual([`${host.connections[0]} end`]);
  });

  test('no more bytes are passed than the host has opened its window for', async () => {
    const { host, uplink } = start();
    const port = await uplink.publish('dom', 80, null);
    uplink.listen({ listenId: 1, resourceId: 'dom', guestPort: 80 });
    const peer = await dial(port);
    const sent = Buffer.alloc(300_000, 'x');
    peer.end(sent);
    await host.until(() => (host.bytes.get(1)?.length ?? 0) === 65_536);
    uplink.window(1, 10);
    await host.until(() => host.bytes.get(1)!.length === 65_546);
    uplink.window(1, 1_000_000);
    await host.until(() => host.closes.length === 1);
    expect(host.bytes.get(1)!.length).toBe(300_000);
  });

  test('room of sent bytes comes back only when the peer reads, and the half close follows the last byte', async () => {
    const { host, uplink } = start();
    const port = await uplink.publish('dom', 80, null);
    uplink.listen({ listenId: 1, resourceId: 'dom', guestPort: 80 });
    const peer = await dial(port);
    await host.until(() => host.connections.length === 1);
    const total = 40 * 1024 * 1024;
    for (let sent = 0; sent < total; sent += 65_536) uplink.send(1, new Uint8Array(65_536));
    uplink.shut(1);
    await new Promise((done) => setImmediate(done));
    expect(host.sentBytes.get(1) ?? 0).toBeLessThan(total);
    let received = 0;
    peer.on('data', (bytes) => (received += bytes.length));
    await once(peer, 'end');
    expect(received).toBe(total);
    await host.until(() => host.sentBytes.get(1) === total);
    peer.end();
    await host.until(() => host.closes.includes('1 end'));
  });

  test('a peer that resets is told as a reset, and a full domain lets others wait', async () => {
    const { host, uplink } = start();
    const port = await uplink.publish('dom', 80, null);
    uplink.listen({ listenId: 1, resourceId: 'dom', guestPort: 80 });
    const peer = await dial(port);
    await host.until(() => host.connections.length === 1);
    host.full = true;
    await dial(port);
    peer.resetAndDestroy();
    await host.until(() => host.closes.includes('1 reset'));
    host.full = false;
    host.wake();
    await host.until(() => host.connections.length === 2);
  });

  test('a peer that neither reads nor ends keeps no connection that its domain has closed, however much it sends', async () => {
    const { host, uplink } = start({ lingerMs: 50 });
    const port = await uplink.publish('dom', 80, null);
    uplink.listen({ listenId: 1, resourceId: 'dom', guestPort: 80 });
    const peer = await dial(port);
    await host.until(() => host.connections.length === 1);
    for (let sent = 0; sent < 40 * 1024 * 1024; sent += 65_536) uplink.send(1, new Uint8Array(65_536));
    let open = true;
    peer.once('close', () => (open = false));
    const trickle = (): void => {
      if (open) peer.write('x', () => setTimeout(trickle, 5));
    };
    trickle();
    uplink.close(1);
    expect(uplink.openSockets).toBe(1);
    await turnsUntil(() => uplink.openSockets === 0);
    expect(uplink.openSockets).toBe(0);
  });

  test('connections that still deliver their last bytes are bounded; the oldest gives way', async () => {
    const { host, uplink } = start({ lingeringMax: 2 });
    const port = await uplink.publish('dom', 80, null);
    uplink.listen({ listenId: 1, resourceId: 'dom', guestPort: 80 });
    const peers: Socket[] = [];
    for (let made = 1; made <= 3; made++) {
      peers.push(await dial(port));
      await host.until(() => host.connections.length === made);
      for (let sent = 0; sent < 40 * 1024 * 1024; sent += 65_536) uplink.send(made, new Uint8Array(65_536));
    }
    for (const connectionId of host.connections) uplink.close(connectionId);
    expect(uplink.openSockets).toBe(2);
    peers[0]!.write('is anybody there');
    await turnsUntil(() => peers[0]!.destroyed);
    expect(peers.map((peer) => peer.destroyed)).toEqual([true, false, false]);
    uplink.closeAll();
    expect(uplink.openSockets).toBe(0);
  });

  test('a bound port is EADDRINUSE by name; a free one is found beside it and is free again after unpublish', async () => {
    const { uplink } = start();
    const other = createServer();
    await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
    const taken = (other.address() as { port: number }).port;
    await expect(uplink.publish('dom', 80, taken)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    other.close();
    const first = await uplink.publish('dom', 80, null);
    const second = await uplink.publish('dom', 81, null);
    expect(second).not.toBe(first);
    uplink.unpublish('dom');
    expect(await uplink.publish('dom', 80, first)).toBe(first);
  });
});
