import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ControlPlane, DOMAIN } from '../host/control-plane.fixture.js';
import { HostBench, MS_NS, startDomain } from '../host/host-bench.fixture.js';

let bench: HostBench;
let plane: ControlPlane;
const sockets: Socket[] = [];
beforeEach(() => {
  bench = new HostBench();
  plane = new ControlPlane();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await bench.close();
});

const SHUTDOWN = { type: 'shutdown-domain', domainId: 'dom_1' } as const;

/** Turns of the event loop, time passing in each, until something is so. */
async function passUntil(pass: (ns: bigint) => void, ready: () => boolean): Promise<void> {
  while (!ready()) {
    pass(MS_NS);
    await new Promise((done) => setImmediate(done));
  }
}

/** A domain that works on a request of 300 ms; what the peer has read so far. */
async function startBusyDomain({ server, pass }: Awaited<ReturnType<HostBench['startHost']>>) {
  await startDomain(plane);
  const port = plane.last('operation-done').domain!.publishedPorts[0]!.hostPort;
  const socket = connect({ port, host: '127.0.0.1' });
  sockets.push(socket);
  socket.on('error', () => undefined);
  const read = { text: '' };
  socket.on('data', (bytes) => (read.text += bytes.toString()));
  await once(socket, 'connect');
  socket.write('GET /burn?ms=300 HTTP/1.1\r\nHost: shop\r\n\r\n');
  await passUntil(pass, () => BigInt(server.live.figures().ownNs) > 10n * MS_NS);
  return { socket, read };
}

describe('shutdown-domain', () => {
  test('the guest answers what it was asked, then ends; the command is done when its last reading is durable', async () => {
    const made = await bench.startHost(plane);
    const { pass } = made;
    const { read } = await startBusyDomain(made);
    const done = plane.command({ ...SHUTDOWN, timeoutMs: 60_000 });
    await passUntil(pass, () => read.text.includes('burned_ms'));
    let answered = false;
    void done.then(() => (answered = true));
    await passUntil(pass, () => answered);
    expect(await done).toMatchObject({ ok: true, domain: { state: 'halted', incarnation: null } });
    expect(plane.readingsOf('dom_1').slice(-2)).toMatchObject([
      { kind: 'cut', reason: 'shutdown:poweroff', state: 'halted' },
      { kind: 'close', reason: 'shutdown' },
    ]);
    expect(plane.alarms).toEqual([]);
  });

  test('a guest that is not done in time is ended then, not before; it is metered until then', async () => {
    const made = await bench.startHost(plane);
    const { server, pass } = made;
    const { read } = await startBusyDomain(made);
    const asked = server.live.figures().elapsedNs;
    let answered = false;
    const done = plane.command({ ...SHUTDOWN, timeoutMs: 100 }).then(() => (answered = true));
    await new Promise((turn) => setImmediate(turn));
    pass(99n * MS_NS);
    await new Promise((turn) => setImmediate(turn));
    expect(answered).toBe(false);
    pass(2n * MS_NS);
    await done;
    expect(read.text).toBe('');
    const close = plane.readingsOf('dom_1').at(-1)!;
    expect(close).toMatchObject({ kind: 'close', reason: 'shutdown' });
    const waitedNs = BigInt(close.hostNs) - BigInt(asked) / 2n;
    expect(waitedNs).toBeGreaterThanOrEqual(100n * MS_NS);
    expect(waitedNs).toBeLessThanOrEqual(102n * MS_NS);
  });

  test('a paused domain, one without time and a guest that does not listen end at once', async () => {
    const made = await bench.startHost(plane);
    const { pass } = made;
    await startBusyDomain(made);
    await plane.must({ type: 'pause-domain', domainId: 'dom_1', cause: 'tenant' });
    await plane.must({ ...SHUTDOWN, timeoutMs: 60_000 });
    await plane.must({ type: 'unpause-domain', domainId: 'dom_1', cause: 'tenant' });
    await plane.must({ type: 'start-domain', domainId: 'dom_1' });
    await plane.must({ ...SHUTDOWN, timeoutMs: 0 });
    const idle = { ...DOMAIN, domainId: 'dom_2', image: 'busy', volumeIds: [], publishedPorts: [] };
    await plane.must({ type: 'build-domain', domain: idle });
    await plane.must({ type: 'start-domain', domainId: 'dom_2' });
    pass(MS_NS);
    await plane.must({ ...SHUTDOWN, domainId: 'dom_2', timeoutMs: 60_000 });
    expect(plane.readingsOf('dom_2').at(-1)).toMatchObject({ kind: 'close', reason: 'shutdown' });
  });

  test('other commands of the domain wait their turn, but destroying it ends the wait', async () => {
    const made = await bench.startHost(plane);
    const { pass } = made;
    await startBusyDomain(made);
    const answers: string[] = [];
    const shutdown = plane.command({ ...SHUTDOWN, timeoutMs: 60_000 }).then(() => answers.push('shutdown'));
    const start = plane
      .command({ type: 'start-domain', domainId: 'dom_1' })
      .then(() => answers.push('start'));
    await new Promise((turn) => setImmediate(turn));
    pass(50n * MS_NS);
    expect(answers).toEqual([]);
    await plane.must({ type: 'destroy-domain', domainId: 'dom_1' });
    await Promise.all([shutdown, start]);
    expect(answers).toEqual(['shutdown', 'start']);
    expect(plane.alarms).toEqual([]);
  });

  test('a host that stops waits for no guest: the command is done and remembered', async () => {
    const made = await bench.startHost(plane);
    const { server } = made;
    await startBusyDomain(made);
    const done = plane.command({ ...SHUTDOWN, timeoutMs: 60_000 }, 'op_late');
    await new Promise((turn) => setImmediate(turn));
    await server.stop();
    expect((await done).ok).toBe(true);
    await bench.startHost(plane);
    expect(plane.last('booted').domains).toMatchObject([{ domainId: 'dom_1', state: 'halted' }]);
    expect(plane.readingsOf('dom_1').at(-1)).toMatchObject({ kind: 'close', reason: 'shutdown' });
  });

  test('a host that freezes meanwhile answers EIO, remembers nothing, and does it when asked again', async () => {
    const made = await bench.startHost(plane);
    const { server } = made;
    await startBusyDomain(made);
    const done = plane.command({ ...SHUTDOWN, timeoutMs: 60_000 }, 'op_frozen');
    await new Promise((turn) => setImmediate(turn));
    const planted = (): never => {
      throw new Error('planted');
    };
    expect(() => server.live.act(planted)).toThrow('planted');
    expect((await done).error?.code).toBe('EIO');
    await server.stop();
    await bench.startHost(plane);
    expect(plane.last('booted').domains).toMatchObject([{ domainId: 'dom_1', state: 'paused' }]);
    const again = await plane.command({ ...SHUTDOWN, timeoutMs: 60_000 }, 'op_frozen');
    expect(again).toMatchObject({ ok: true, domain: { state: 'halted' } });
  });
});
