import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DOMAIN_METERS, VOLUME_METERS } from '@xenorack/hypervisor';
import { ControlPlane, DOMAIN, RUNNING_ITEM, VOLUME } from './control-plane.fixture.js';
import { XenoServer } from './xenoserver.js';

let dataDir: string;
let server: XenoServer;
let port: number;
const plane = new ControlPlane();

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'xenoserver-http-'));
  server = await XenoServer.open(
    {
      hostId: 'host_1',
      dataDir,
      pcpus: 4,
      frames: 65_536,
      controlPublicKey: plane.publicKey,
      portRange: { first: 23_400, last: 23_499 },
    },
    (event) => plane.receive(event),
  );
  plane.send = (command) => server.receive(command);
  server.start();
  await plane.must({ type: 'create-volume', volume: VOLUME });
  const built = await plane.must({ type: 'build-domain', domain: DOMAIN });
  port = built.domain!.publishedPorts[0]!.hostPort;
  await plane.must({ type: 'set-lease', lease: plane.lease({ items: [RUNNING_ITEM] }) });
  await plane.must({ type: 'start-domain', domainId: 'dom_1' });
});

afterAll(async () => {
  await server.stop();
  rmSync(dataDir, { recursive: true });
});

/** Bytes that crossed the wire for one connection. */
interface Traffic {
  sentBytes: number;
  receivedBytes: number;
  statuses: number[];
}

async function dial(): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  return socket;
}

/** Sends requests one after the other on one kept-alive connection and counts every byte of it. */
async function converse(paths: readonly string[]): Promise<Traffic> {
  const socket = await dial();
  const traffic: Traffic = { sentBytes: 0, receivedBytes: 0, statuses: [] };
  let received = Buffer.alloc(0);
  let waiter = (): void => undefined;
  socket.on('data', (bytes) => {
    traffic.receivedBytes += bytes.length;
    received = Buffer.concat([received, bytes]);
    waiter();
  });
  for (const path of paths) {
    const request = `GET ${path} HTTP/1.1\r\nHost: shop\r\n\r\n`;
    socket.write(request);
    traffic.sentBytes += request.length;
    await new Promise<void>((done) => {
      waiter = () => {
        const headEnd = received.indexOf('\r\n\r\n');
        if (headEnd < 0) return;
        const head = received.toString('latin1', 0, headEnd);
        const whole = headEnd + 4 + Number(/content-length: (\d+)/i.exec(head)![1]);
        if (received.length < whole) return;
        traffic.statuses.push(Number(head.split(' ')[1]));
        received = received.subarray(whole);
        done();
      };
      waiter();
    });
  }
  socket.end();
  await once(socket, 'close');
  return traffic;
}

async function metersNow(): Promise<Record<string, bigint>> {
  await plane.must({ type: 'cut', resourceIds: ['dom_1', 'vol_1'], reason: 'test' });
  const domain = plane.readingsOf('dom_1').at(-1)!;
  const volume = plane.readingsOf('vol_1').at(-1)!;
  return Object.fromEntries([
    ...DOMAIN_METERS.map((meter, at) => [meter, BigInt(domain.values[at]!)] as const),
    ...VOLUME_METERS.map((meter, at) => [meter, BigInt(volume.values[at]!)] as const),
  ]);
}

describe('a published port', () => {
  test('200 requests over real TCP move the net meters by exactly the bytes that crossed the wire', async () => {
    const before = await metersNow();
    const paths = Array.from({ length: 50 }, (_, at) => (at % 5 === 0 ? '/bytes?n=30000' : '/'));
    const all = await Promise.all([1, 2, 3, 4].map(() => converse(paths)));
    const after = await metersNow();
    expect(all.flatMap((traffic) => traffic.statuses)).toEqual(Array.from({ length: 200 }, () => 200));
    const sum = (pick: (traffic: Traffic) => number): bigint =>
      BigInt(all.reduce((total, traffic) => total + pick(traffic), 0));
    expect(after['net.public.rx.bytes']! - before['net.public.rx.bytes']!).toBe(
      sum((traffic) => traffic.sentBytes),
    );
    expect(after['net.public.tx.bytes']! - before['net.public.tx.bytes']!).toBe(
      sum((traffic) => traffic.receivedBytes),
    );
    expect(after['cpu.ns']!).toBeGreaterThan(before['cpu.ns']!);
    expect(plane.alarms).toEqual([]);
  });

  test('disk work asked for by HTTP reaches the file and moves the disk meters by its bytes', async () => {
    const before = await metersNow();
    const { statuses } = await converse(['/disk?write=1048576', '/disk?read=65536']);
    const after = await metersNow();
    expect(statuses).toEqual([200, 200]);
    expect(after['disk.write.bytes']! - before['disk.write.bytes']!).toBe(1_048_576n);
    expect(after['disk.read.bytes']! - before['disk.read.bytes']!).toBe(65_536n);
  });

  test('a peer that reads nothing stalls only itself, and a paused domain stalls until it runs again', async () => {
    const slow = await dial();
    slow.pause();
    slow.write('GET /bytes?n=268435456 HTTP/1.1\r\nHost: shop\r\n\r\n');
    expect((await converse(['/', '/'])).statuses).toEqual([200, 200]);
    const memory = process.memoryUsage().rss;
    expect((await converse(Array.from({ length: 20 }, () => '/'))).statuses).toHaveLength(20);
    expect(process.memoryUsage().rss - memory).toBeLessThan(100 * 1024 * 1024);
    slow.destroy();

    await plane.must({ type: 'pause-domain', domainId: 'dom_1', cause: 'tenant' });
    let answered = false;
    const stalled = converse(['/']).then((traffic) => {
      answered = true;
      return traffic;
    });
    const seconds = plane.all('figures').length;
    await plane.until(() => plane.all('figures').length >= seconds + 2);
    expect(answered).toBe(false);
    await plane.must({ type: 'unpause-domain', domainId: 'dom_1', cause: 'tenant' });
    expect((await stalled).statuses).toEqual([200]);
  });

  test('host time follows wall time: two seconds of labels are two seconds on every pCPU', async () => {
    const seconds = plane.all('figures').length;
    await plane.until(() => plane.all('figures').length >= seconds + 3);
    const [first, , third] = plane
      .all('figures')
      .slice(-3)
      .map((event) => event.figures);
    const utcNs = BigInt(third!.utcNs) - BigInt(first!.utcNs);
    expect(utcNs).toBe(2_000_000_000n);
    expect(BigInt(third!.elapsedNs) - BigInt(first!.elapsedNs)).toBe(4n * utcNs);
    const behindMs = Date.now() - Number(BigInt(third!.utcNs) / 1_000_000n);
    expect(behindMs).toBeGreaterThan(-100);
    expect(behindMs).toBeLessThan(5_000);
  });
});
