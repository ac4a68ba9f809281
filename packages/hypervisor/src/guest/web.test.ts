import { describe, expect, test } from '@jest/globals';
import { CPU_MODEL } from '../abi/cpu-model.js';
import { IMAGES } from './images.js';
import { HTTP_LIMITS } from './http.js';
import { latin1, utf8 } from './text.js';
import type { DomainConfig } from '../host/domain-config.js';
import { createMemoryHost } from '../host/memory-devices.js';
import { LIMITS } from '../limits.js';

const MS = 1_000_000n;
const WINDOW = LIMITS.uplinkWindowBytes;

function rig(options: Partial<DomainConfig> = {}) {
  const made = createMemoryHost({ pcpus: 2, frames: 1 << 16, xenFrames: 256, seed: 11, name: 'cambridge' });
  made.host.openVolume({ id: 'vol', sizeBytes: 1n << 20n });
  const config = {
    name: 'shop',
    id: 'dom',
    vcpus: 1,
    memoryFrames: 1024,
    image: IMAGES.web,
    volumes: [{ volumeId: 'vol' }],
  };
  const built = made.host.createDomain({ ...config, ...options });
  if (!built.ok) throw new Error(built.detail);
  made.host.unpause(built.value);
  made.host.run(MS);
  const connect = (): number => made.uplink.connect('dom', 80, WINDOW) ?? -1;
  const ask = (connection: number, request: string, forMs = 50n): string => {
    made.uplink.transmit(connection, utf8(request));
    made.host.run(made.host.nowNs + forMs * MS);
    const peer = made.uplink.peers.get(connection);
    const answer = latin1(peer?.received ?? new Uint8Array(0));
    if (peer !== undefined) peer.received = new Uint8Array(0);
    return answer;
  };
  const meters = (id: string) => made.host.sample().readings.find((r) => r.resourceId === id)?.values ?? [];
  return { ...made, domId: built.value, connect, ask, meters };
}

const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nhost: shop\r\n${more}\r\n`;

describe('image web', () => {
  test('G1 GET / is an HTML page that says which domain it is, escaped', () => {
    const { ask, connect } = rig({ name: 'a<b>&"c' });
    const answer = ask(connect(), get('/'));
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\ncontent-type: text\/html; charset=utf-8\r\n/);
    expect(answer).toContain('a&#60;b&#62;&#38;&#34;c');
    expect(answer).toContain('cambridge');
    const [head, body] = answer.split('\r\n\r\n') as [string, string];
    expect(head).toContain(`content-length: ${body.length}\r\n`);
  });

  test('D1 net.public meters are exactly the payload bytes that crossed, both ways', () => {
    const { ask, connect, meters, uplink } = rig();
    const connection = connect();
    const requests = [
      get('/'),
      get('/bytes?n=100000'),
      'POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello',
    ];
    let sent = 0;
    for (const request of requests) {
      sent += request.length;
      ask(connection, request);
    }
    expect(meters('dom')[3]).toBe(BigInt(sent));
    expect(meters('dom')[4]).toBe(BigInt(uplink.peers.get(connection)?.receivedBytes ?? -1));
    expect(meters('dom')[4]).toBeGreaterThan(100_000n);
  });

  test('G2 CPU of a request is the price of the model: the same each time, and burn adds exactly its work', () => {
    const { ask, connect, meters } = rig();
    const connection = connect();
    const cost = (path: string): bigint => {
      const before = meters('dom')[0] as bigint;
      ask(connection, get(path), 100n);
      return (meters('dom')[0] as bigint) - before;
    };
    cost('/bytes?n=1');
    const first = cost('/bytes?n=1');
    expect(first).toBeGreaterThan(CPU_MODEL.webRequestNs);
    expect(cost('/bytes?n=1')).toBe(first);
    const burn0 = cost('/burn?ms=0');
    const burn20 = cost('/burn?ms=20');
    expect(burn20 - burn0).toBeGreaterThanOrEqual(20n * MS);
    // A millisecond of work is one exit; the answers differ by one byte at most.
    expect(burn20 - burn0).toBeLessThanOrEqual(
      20n * (MS + CPU_MODEL.guestExitNs) + CPU_MODEL.guestBytesPerKibNs,
    );
  });

  test('D2 work of the driver domains is charged to the domain that caused it and to nobody else', () => {
    const { ask, connect, meters, host } = rig();
    const other = host.createDomain({
      name: 'other',
      id: 'other',
      vcpus: 1,
      memoryFrames: 10,
      image: IMAGES.idle,
    });
    if (!other.ok) throw new Error(other.detail);
    host.unpause(other.value);
    const before = meters('dom')[1] as bigint;
    ask(connect(), get('/disk?write=45056&read=0'));
    const perRequest = CPU_MODEL.blockRequestNs + CPU_MODEL.blockCompletionNs + 44n * CPU_MODEL.blockPerKibNs;
    expect((meters('dom')[1] as bigint) - before).toBeGreaterThan(perRequest);
    expect(meters('other')[1]).toBe(0n);
  });

  test('D3 /disk moves real sectors: bytes and operations metered are those the disk saw', () => {
    const { ask, connect, meters, disk } = rig();
    const connection = connect();
    const answer = ask(connection, get('/disk?write=100000&read=5000'));
    expect(answer).toContain('"written_bytes":100352');
    expect(meters('vol').slice(0, 4)).toEqual([5120n, 100_352n, 1n, 3n]);
    expect(disk.contentOf('vol', 0, 100_352).every((byte) => byte === 1)).toBe(true);
    expect(disk.contentOf('vol', 100_352, 1)[0]).toBe(0);
    expect(ask(connection, get(`/disk?write=${2 << 20}`))).toContain('400 Bad Request');
    disk.broken.add('vol');
    expect(ask(connection, get('/disk?write=512'))).toContain('500 Internal Server Error');
    expect(meters('vol').slice(0, 4)).toEqual([5120n, 100_352n, 1n, 3n]);
  });

  test('G3 keep-alive, pipelining and several connections at once are served, also by several vCPUs', () => {
    const { connect, uplink, host } = rig({ vcpus: 2 });
    const connections = Array.from({ length: 20 }, connect);
    const startNs = host.nowNs;
    for (const c of connections)
      uplink.transmit(c, utf8(get('/burn?ms=2') + get('/burn?ms=2') + get('/bytes?n=7')));
    host.run(startNs + 45n * MS);
    const bodies = connections.map((c) => latin1(uplink.peers.get(c)?.received ?? new Uint8Array(0)));
    for (const body of bodies) expect(body.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(3);
  });

  test('G4 malformed and oversized requests are refused with a status, and the server goes on', () => {
    const { ask, connect, uplink } = rig();
    const bad: [string, number][] = [
      ['NONSENSE\r\n\r\n', 400],
      ['GET / HTTP/2.0\r\nhost: x\r\n\r\n', 505],
      ['GET / HTTP/1.1\r\n\r\n', 400],
      ['GET / HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n', 400],
      ['GET / HTTP/1.1\r\nhost : x\r\n\r\n', 400],
      ['POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n', 400],
      ['POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n', 400],
      [`POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: ${HTTP_LIMITS.bodyBytesMax + 1}\r\n\r\n`, 413],
      ['POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n', 501],
      [`GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(HTTP_LIMITS.headBytesMax)}\r\n\r\n`, 431],
      ['GET /%zz?%zz=1 HTTP/1.1\r\nhost: x\r\n\r\n', 400],
      [`GET / HTTP/1.1\r\nhost: x\r\n${'a: b\r\n'.repeat(HTTP_LIMITS.headersMax)}\r\n`, 400],
    ];
    for (const [request, status] of bad) {
      const connection = connect();
      expect(ask(connection, request)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(uplink.peers.get(connection)?.ended).toBe(true);
    }
    const soft: [string, number][] = [
      [get('/burn'), 400],
      [get('/burn?ms=1e9'), 400],
      [get('/bytes?n=999999999999'), 400],
      [get('/nowhere'), 404],
      ['DELETE / HTTP/1.1\r\nhost: x\r\n\r\n', 405],
      [get('/echo'), 405],
      [get('/'), 200],
    ];
    const connection = connect();
    for (const [request, status] of soft)
      expect(ask(connection, request)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });

  test('G5 a request that comes byte by byte is served; HEAD has no body', () => {
    const { ask, connect } = rig();
    const connection = connect();
    let answer = '';
    for (const character of get('/bytes?n=3')) answer += ask(connection, character, 1n);
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK[^]*\r\n\r\nxxx$/);
    expect(ask(connection, 'HEAD /bytes?n=3 HTTP/1.1\r\nhost: x\r\n\r\n')).toMatch(
      /content-length: 3\r\n[^]*\r\n\r\n$/,
    );
  });

  test('D4 a peer that does not read stops the guest, whose buffers stay bounded, and nothing is lost', () => {
    const { connect, uplink, host, meters } = rig();
    const connection = connect();
    uplink.reading = false;
    uplink.transmit(connection, utf8(get('/bytes?n=1000000')));
    host.run(host.nowNs + 200n * MS);
    const peer = uplink.peers.get(connection);
    expect(peer?.receivedBytes).toBe(LIMITS.uplinkWindowBytes);
    const cpu = meters('dom')[0];
    host.run(host.nowNs + 200n * MS);
    expect(meters('dom')[0]).toBe(cpu);
    uplink.reading = true;
    host.uplinkSent(connection, LIMITS.uplinkWindowBytes);
    host.run(host.nowNs + 500n * MS);
    expect(peer?.receivedBytes).toBeGreaterThan(1_000_000);
    expect(latin1(peer?.received.slice(-1) ?? new Uint8Array(0))).toBe('x');
  });

  test('D5 a paused domain closes the window of its peers; what they sent is served after unpausing', () => {
    const { connect, uplink, host, domId } = rig();
    const connection = connect();
    host.pause(domId, 'tenant');
    const body = new Uint8Array(200_000).fill(97);
    const request = utf8(`POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n`);
    const all = new Uint8Array(request.length + body.length);
    all.set(request);
    all.set(body, request.length);
    let at = 0;
    const push = (): void => {
      for (let i = 0; i < 100; i += 1) {
        at += uplink.transmit(connection, all.subarray(at));
        host.run(host.nowNs + MS);
      }
    };
    push();
    expect(at).toBe(LIMITS.uplinkWindowBytes + LIMITS.socketRingBytes);
    expect(uplink.peers.get(connection)?.window).toBe(0);
    expect(host.uplinkReceived(connection, new Uint8Array(1))).toMatchObject({ errno: 'ENOBUFS' });
    host.unpause(domId, 'tenant');
    push();
    expect(at).toBe(all.length);
    expect(uplink.peers.get(connection)?.receivedBytes).toBeGreaterThan(200_000);
  });

  test('D6 half close: a peer that ends its side still gets its answer; then both sides close', () => {
    const { connect, uplink, host } = rig();
    const connection = connect();
    uplink.transmit(connection, utf8(get('/bytes?n=50000', 'connection: close\r\n')));
    host.uplinkClosed(connection, 'end');
    host.run(host.nowNs + 100n * MS);
    const peer = uplink.peers.get(connection);
    expect(peer?.receivedBytes).toBeGreaterThan(50_000);
    expect(peer).toMatchObject({ ended: true, closed: true });
    expect(host.uplinkReceived(connection, utf8('late'))).toMatchObject({ errno: 'ENOTCONN' });
  });

  test('D7 a reset connection is forgotten, and destroying a domain closes what it had', () => {
    const { connect, uplink, host, domId } = rig();
    const [one, two] = [connect(), connect()];
    uplink.transmit(one, utf8(get('/burn?ms=5')));
    host.run(host.nowNs + MS);
    host.uplinkClosed(one, 'reset');
    host.run(host.nowNs + 50n * MS);
    expect(uplink.peers.get(one)?.closed).toBe(true);
    host.destroyDomain(domId);
    expect(uplink.peers.get(two)?.closed).toBe(true);
    expect(uplink.listening.size).toBe(0);
    expect(host.uplinkSent(two, 10)).toMatchObject({ errno: 'ENOTCONN' });
    host.run(host.nowNs + 10n * MS);
    host.sample();
  });

  test('D8 connections are bounded, and slots come back when connections end', () => {
    const { uplink, host, connect, ask } = rig();
    let open = 0;
    for (let i = 0; i < 600; i += 1) {
      if (uplink.connect('dom', 80, WINDOW) !== null) open += 1;
      host.run(host.nowNs + MS);
    }
    expect(open).toBe(LIMITS.socketConnectionsPerDomainMax);
    for (const id of uplink.peers.keys()) host.uplinkClosed(id, 'end');
    host.run(host.nowNs + 100n * MS);
    expect(ask(connect(), get('/bytes?n=2'))).toMatch(/xx$/);
  });

  test('A2 an exhausted allowance stops a serving domain; raising it lets the same connection go on', () => {
    const { connect, uplink, host } = rig();
    const connection = connect();
    const weights = [
      {
        resourceId: 'dom',
        meter: 'net.public.tx.bytes',
        state: 'any',
        numerator: 1n,
        denominator: 1n,
        free: 0n,
      },
    ] as const;
    host.setAllowance({ id: 'l', members: ['dom'], balance: 40_000n, weights, policy: 'pause' });
    uplink.transmit(connection, utf8(get('/bytes?n=100000')));
    host.run(host.nowNs + 100n * MS);
    expect(host.list().find((d) => d.id === 'dom')?.holds).toEqual(['allowance']);
    const peer = uplink.peers.get(connection);
    expect(peer?.receivedBytes).toBeLessThanOrEqual(40_000);
    host.setAllowance({ id: 'l', members: ['dom'], balance: 400_000n, weights, policy: 'pause' });
    host.run(host.nowNs + 100n * MS);
    expect(peer?.receivedBytes).toBeGreaterThan(100_000);
  });
});
