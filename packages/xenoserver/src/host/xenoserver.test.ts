import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Command } from '../control.js';
import { ControlPlane, DOMAIN, RUNNING_ITEM, VOLUME } from './control-plane.fixture.js';
import { HostBench, memoryFrameNs, MS_NS, QUARTER_UTC_NS, startDomain } from './host-bench.fixture.js';
import type { WireReading } from '../reading.js';
import { SECOND_NS } from './live-host.js';
import { XenoServer } from './xenoserver.js';

let bench: HostBench;
beforeEach(() => {
  bench = new HostBench();
});
afterEach(() => bench.close());

describe('commands', () => {
  test('an operation id is executed once and answered the same, also after a restart', async () => {
    const plane = new ControlPlane();
    const { server } = await bench.startHost(plane);
    const create: Command = { operationId: 'op_once', type: 'create-volume', volume: VOLUME };
    const { operationId, ...body } = create;
    const first = await plane.command(body, operationId);
    const again = await plane.command(body, operationId);
    expect(again).toEqual(first);
    expect(first.ok).toBe(true);
    await server.stop();
    await bench.startHost(plane);
    expect(await plane.command(body, operationId)).toEqual(first);
    expect((await plane.command(body)).error?.code).toBe('EEXIST');
  });

  test('a build whose port is taken is undone in full and names the port', async () => {
    const plane = new ControlPlane();
    const { server, pass } = await bench.startHost(plane);
    await plane.must({ type: 'create-volume', volume: VOLUME });
    const other = createServer();
    await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
    const { port } = other.address() as { port: number };
    const publishedPorts = [{ guestPort: 80, hostPort: port }];
    const framesFree = server.live.figures().framesFree;
    const refused = await plane.command({ type: 'build-domain', domain: { ...DOMAIN, publishedPorts } });
    expect(refused.error).toMatchObject({
      code: 'EADDRINUSE',
      detail: expect.stringContaining(String(port)),
    });
    other.close();
    expect(server.live.figures().framesFree).toBe(framesFree);
    pass(SECOND_NS);
    expect(plane.last('figures').figures.domains).toBe(0);
    await plane.must({ type: 'build-domain', domain: DOMAIN });
  });

  test.each<[string, string, Parameters<ControlPlane['command']>[0]]>([
    ['an unknown domain', 'ENOENT', { type: 'start-domain', domainId: 'nobody' }],
    ['an unknown volume', 'ENOENT', { type: 'delete-volume', volumeId: 'nobody' }],
    [
      'an unknown resource of a cut',
      'ENOENT',
      { type: 'cut', resourceIds: ['dom_1', 'nobody'], reason: 'x' },
    ],
    ['a volume in use', 'EBUSY', { type: 'delete-volume', volumeId: 'vol_1' }],
    ['a domain that exists', 'EEXIST', { type: 'build-domain', domain: DOMAIN }],
    ['a volume that exists', 'EEXIST', { type: 'create-volume', volume: VOLUME }],
    [
      'a volume of another domain',
      'EBUSY',
      { type: 'build-domain', domain: { ...DOMAIN, domainId: 'dom_2' } },
    ],
    [
      'a volume of another tenant',
      'EPERM',
      { type: 'build-domain', domain: { ...DOMAIN, domainId: 'dom_2', tenantId: 'ten_2' } },
    ],
    [
      'an unknown image',
      'ENOENT',
      { type: 'build-domain', domain: { ...DOMAIN, domainId: 'dom_2', volumeIds: [], image: 'constructor' } },
    ],
    [
      'more memory than there is',
      'ENOMEM',
      { type: 'build-domain', domain: { ...DOMAIN, domainId: 'dom_2', volumeIds: [], memoryFrames: 1e6 } },
    ],
    ['a cap beyond the vcpus', 'EINVAL', { type: 'set-scheduling', domainId: 'dom_1', weight: 1, cap: 101 }],
  ])('%s is %s', async (_what, code, body) => {
    const plane = new ControlPlane();
    await bench.startHost(plane);
    await startDomain(plane);
    expect((await plane.command(body)).error?.code).toBe(code);
  });

  test('a domain that is paused before it starts owns its memory and is metered for it, as paused', async () => {
    const plane = new ControlPlane();
    const { pass } = await bench.startHost(plane);
    await plane.must({ type: 'create-volume', volume: VOLUME });
    await plane.must({ type: 'build-domain', domain: DOMAIN });
    await plane.must({ type: 'set-lease', lease: plane.lease({ items: [RUNNING_ITEM] }) });
    await plane.must({ type: 'pause-domain', domainId: 'dom_1', cause: 'tenant' });
    pass(500n * MS_NS);
    const started = await plane.must({ type: 'start-domain', domainId: 'dom_1' });
    expect(started.domain).toMatchObject({ state: 'paused', pauseCauses: ['tenant'] });
    expect(started.domain!.incarnation).not.toBeNull();
    pass(400n * MS_NS);
    await plane.must({ type: 'cut', resourceIds: ['dom_1'], reason: 'test' });
    const [open, cut] = plane.readingsOf('dom_1') as [WireReading, WireReading];
    expect(open).toMatchObject({ kind: 'open', state: 'paused', reason: 'start', hostNs: '500000000' });
    expect(cut).toMatchObject({ kind: 'cut', state: 'paused' });
    expect(memoryFrameNs(cut.values)).toBe(400n * MS_NS * BigInt(DOMAIN.memoryFrames));
  });

  test('a domain is shut down, started again as a new incarnation, and destroyed; its volume outlives it', async () => {
    const plane = new ControlPlane();
    const { pass } = await bench.startHost(plane);
    await startDomain(plane);
    pass(100n * MS_NS);
    const halted = await plane.must({ type: 'shutdown-domain', domainId: 'dom_1', timeoutMs: 0 });
    expect(halted.domain).toMatchObject({ state: 'halted', incarnation: null });
    const closed = plane.readingsOf('dom_1').at(-1)!;
    expect(closed).toMatchObject({ kind: 'close', reason: 'shutdown', state: 'halted' });
    const started = await plane.must({ type: 'start-domain', domainId: 'dom_1' });
    expect(started.domain?.publishedPorts).toEqual(halted.domain?.publishedPorts);
    const reopened = plane.readingsOf('dom_1').at(-1)!;
    expect(reopened).toMatchObject({ kind: 'open', seq: 0, prev: closed.hash });
    expect(reopened.incarnation).not.toBe(closed.incarnation);
    await plane.must({ type: 'destroy-domain', domainId: 'dom_1' });
    expect(plane.readingsOf('dom_1').at(-1)).toMatchObject({ kind: 'close', reason: 'destroy' });
    await plane.must({ type: 'delete-volume', volumeId: 'vol_1' });
    expect(plane.readingsOf('vol_1').at(-1)).toMatchObject({ kind: 'close', reason: 'delete' });
    expect(plane.alarms).toEqual([]);
  });
});

describe('restarts and faults', () => {
  test('a clean stop closes every life; the next start brings the domain back, held until a lease of the new epoch', async () => {
    const plane = new ControlPlane();
    const { server, pass } = await bench.startHost(plane);
    await startDomain(plane);
    await plane.must({ type: 'pause-domain', domainId: 'dom_1', cause: 'operator' });
    pass(300n * MS_NS);
    const port = plane.last('operation-done').domain!.publishedPorts[0]!.hostPort;
    await server.stop();
    const ends = ['dom_1', 'vol_1'].map((id) => plane.readingsOf(id).at(-1)!);
    expect(ends.map(({ kind, reason }) => `${kind} ${reason}`)).toEqual([
      'close host-stop',
      'close host-stop',
    ]);

    const second = await bench.startHost(plane, QUARTER_UTC_NS - 30n * SECOND_NS);
    expect(plane.last('booted')).toMatchObject({ epoch: 2 });
    expect(plane.last('booted').domains).toMatchObject([
      {
        domainId: 'dom_1',
        state: 'paused',
        pauseCauses: ['operator', 'allowance'],
        publishedPorts: [{ hostPort: port }],
      },
    ]);
    second.pass(SECOND_NS);
    await plane.must({ type: 'set-lease', lease: plane.lease({ items: [RUNNING_ITEM] }) });
    const ofSecond = plane.readingsOf('dom_1').filter((r) => r.incarnation.startsWith('host_1/2/'));
    const [reopened, tick, leased] = ofSecond as [WireReading, WireReading, WireReading];
    expect(reopened).toMatchObject({ kind: 'open', reason: 'boot', hostNs: '0', state: 'paused', seq: 0 });
    expect(reopened.prev).toBe(ends[0]!.hash);
    expect(tick).toMatchObject({ kind: 'inner', state: 'paused' });
    expect(memoryFrameNs(tick.values)).toBe(BigInt(tick.hostNs) * BigInt(DOMAIN.memoryFrames));
    expect(leased).toMatchObject({ kind: 'cut', reason: 'lease', state: 'paused' });
    expect(ofSecond).toHaveLength(3);
    second.pass(500n * MS_NS);
    await plane.must({ type: 'unpause-domain', domainId: 'dom_1', cause: 'operator' });
    const released = plane.readingsOf('dom_1').at(-1)!;
    expect(released).toMatchObject({ kind: 'cut', reason: 'unpause:operator', state: 'running' });
    expect(released.incarnation).toBe(reopened.incarnation);
    expect(memoryFrameNs(released.values)).toBe(BigInt(released.hostNs) * BigInt(DOMAIN.memoryFrames));
    expect(reopened.incarnation.startsWith('host_1/2/')).toBe(true);
    expect(BigInt(reopened.utcNs)).toBeGreaterThan(BigInt(ends[0]!.utcNs));
    const volumeOpen = plane
      .readingsOf('vol_1')
      .find((r) => r.seq === 0 && r.incarnation.startsWith('host_1/2/'))!;
    expect(volumeOpen).toMatchObject({ reason: 'boot', prev: ends[1]!.hash });
    expect(plane.alarms).toEqual([]);
  });

  test('an acknowledgement that comes late, during or after a stop, is no fault of the host', async () => {
    const plane = new ControlPlane();
    plane.acknowledges = false;
    const { server } = await bench.startHost(plane);
    await startDomain(plane);
    const { epoch, batch } = plane.last('readings').batch;
    const stopped = server.stop();
    plane.send({ operationId: 'ack_1', type: 'acknowledge', epoch, batch });
    await stopped;
    plane.send({ operationId: 'ack_2', type: 'acknowledge', epoch, batch: batch + 1 });
    await new Promise((done) => setImmediate(done));
    await bench.startHost(plane);
    expect(plane.all('frozen')).toEqual([]);
  });

  test('a stop waits for a cut that is on its way', async () => {
    const plane = new ControlPlane();
    const { server } = await bench.startHost(plane);
    await startDomain(plane);
    plane.send({ operationId: 'op_cut', type: 'cut', resourceIds: null, reason: 'late' });
    await server.stop();
    expect(plane.all('operation-done').find((done) => done.operationId === 'op_cut')?.ok).toBe(true);
    expect(plane.readingsOf('dom_1').slice(-2)).toMatchObject([
      { kind: 'cut', reason: 'late' },
      { kind: 'close', reason: 'host-stop' },
    ]);
    expect(plane.all('frozen')).toEqual([]);
  });

  test('a domain that could not be rebuilt and was shut down stays down at the next start', async () => {
    const plane = new ControlPlane();
    const { server } = await bench.startHost(plane);
    await startDomain(plane);
    await server.stop();
    const small = await bench.startHost(plane, undefined, 10_000);
    expect(plane.last('booted').domains).toMatchObject([{ domainId: 'dom_1', state: 'crashed' }]);
    const done = await plane.must({ type: 'shutdown-domain', domainId: 'dom_1', timeoutMs: 0 });
    expect(done.domain).toMatchObject({ state: 'halted' });
    await small.server.stop();
    await bench.startHost(plane);
    expect(plane.last('booted').domains).toMatchObject([{ domainId: 'dom_1', state: 'halted' }]);
  });

  test('the port of a halted domain stays its own', async () => {
    const plane = new ControlPlane();
    await bench.startHost(plane);
    await startDomain(plane);
    const { domain } = await plane.must({ type: 'shutdown-domain', domainId: 'dom_1', timeoutMs: 0 });
    const { hostPort } = domain!.publishedPorts[0]!;
    const thief = {
      ...DOMAIN,
      domainId: 'dom_2',
      volumeIds: [],
      publishedPorts: [{ guestPort: 80, hostPort }],
    };
    const refused = await plane.command({ type: 'build-domain', domain: thief });
    expect(refused.error).toMatchObject({ code: 'EADDRINUSE', detail: expect.stringContaining('dom_1') });
    await plane.must({ type: 'start-domain', domainId: 'dom_1' });
  });

  test('batches that nobody acknowledged are sent again after a restart and change nothing', async () => {
    const plane = new ControlPlane();
    plane.acknowledges = false;
    const { server, pass } = await bench.startHost(plane);
    await startDomain(plane);
    pass(3n * SECOND_NS);
    await server.stop();
    const before = plane.all('readings').length;
    const counted = [...plane.stored.values()].flat().length;
    const second = await bench.startHost(plane);
    await plane.until(
      () => plane.all('readings').filter(({ batch }) => batch.epoch === 1).length === 2 * before,
    );
    expect(plane.repeated).toBe(counted);
    expect(plane.alarms).toEqual([]);
    const last = plane
      .all('readings')
      .filter(({ batch }) => batch.epoch === 1)
      .at(-1)!.batch;
    plane.send({ operationId: 'ack', type: 'acknowledge', epoch: 1, batch: last.batch });
    await second.server.stop();
    plane.events.length = 0;
    await bench.startHost(plane);
    await plane.until(() => plane.all('readings').some(({ batch }) => batch.epoch === 3));
    expect(plane.all('readings').some(({ batch }) => batch.epoch === 1)).toBe(false);
    expect(plane.all('readings').some(({ batch }) => batch.epoch === 2)).toBe(true);
  });

  test('a failed assertion freezes the host: it says so, keeps its readings and refuses commands', async () => {
    const plane = new ControlPlane();
    const { server, pass } = await bench.startHost(plane);
    await startDomain(plane);
    pass(SECOND_NS);
    const planted = (): never => {
      throw new Error('frames owned + free + Xen is not all frames');
    };
    expect(() => server.live.act(planted)).toThrow(/frames/);
    await plane.until(() => plane.all('frozen').length === 1);
    expect(plane.last('frozen')).toMatchObject({
      epoch: 1,
      detail: expect.stringContaining('frames owned'),
    });
    const last = plane.readingsOf('dom_1').at(-1)!;
    pass(SECOND_NS);
    expect((await plane.command({ type: 'start-domain', domainId: 'dom_1' })).error?.code).toBe('EIO');
    await server.stop();
    expect(plane.readingsOf('dom_1').at(-1)).toBe(last);
    await bench.startHost(plane);
    expect(plane.last('booted').domains).toMatchObject([{ domainId: 'dom_1', pauseCauses: ['allowance'] }]);
  });

  test('a folder that a host uses is refused to another, which changes nothing in it', async () => {
    const plane = new ControlPlane();
    const { server, pass } = await bench.startHost(plane);
    await startDomain(plane);
    await expect(bench.startHost(new ControlPlane())).rejects.toThrow(/is in use by this process/);
    pass(SECOND_NS);
    expect(plane.all('frozen')).toEqual([]);
    await server.stop();
    await bench.startHost(plane);
    expect(plane.last('booted').epoch).toBe(2);
  });

  test('a folder of another host is refused', async () => {
    const plane = new ControlPlane();
    const { server } = await bench.startHost(plane);
    await server.stop();
    const options = {
      hostId: 'host_2',
      dataDir: bench.dataDir,
      pcpus: 1,
      frames: 65_536,
      controlPublicKey: plane.publicKey,
    };
    await expect(XenoServer.open(options, () => undefined)).rejects.toThrow(/belongs to host host_1/);
  });
});
