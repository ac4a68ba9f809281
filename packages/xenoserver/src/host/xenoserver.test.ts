import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DOMAIN_METERS, VOLUME_METERS } from '@xenorack/hypervisor';
import type { Command, LeaseItem } from '../control.js';
import { ZERO_HASH } from '../reading.js';
import { ControlPlane, DOMAIN, RUNNING_ITEM, VOLUME } from './control-plane.fixture.js';
import { QUARTER_HOUR_NS, SECOND_NS } from './live-host.js';
import { XenoServer } from './xenoserver.js';

const MS_NS = 1_000_000n;
/** A quarter hour of UTC. */
const QUARTER_UTC_NS = 1_763_800_200_000_000_000n;

let dataDir: string;
let servers: XenoServer[];
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'xenoserver-'));
  servers = [];
});
afterEach(async () => {
  for (const server of servers) await server.stop();
  rmSync(dataDir, { recursive: true });
});

/** A host whose clocks move only by `pass`. */
async function startHost(plane: ControlPlane, utcNs = QUARTER_UTC_NS - 60n * SECOND_NS) {
  const now = { monotonicNs: 1_000n, utcNs };
  const server = await XenoServer.open(
    {
      hostId: 'host_1',
      dataDir,
      pcpus: 2,
      frames: 65_536,
      controlPublicKey: plane.publicKey,
      portRange: { first: 23_300, last: 23_399 },
    },
    (event) => plane.receive(event),
    {
      clock: { monotonicNs: () => now.monotonicNs, utcNs: () => now.utcNs },
      timers: { setTimeout: () => 0, clearTimeout: () => undefined, setImmediate: () => 0 },
    },
  );
  servers.push(server);
  plane.send = (command) => server.receive(command);
  server.start();
  const pass = (ns: bigint): void => {
    for (let left = ns; left > 0n; left -= 100n * MS_NS) {
      const stepNs = left < 100n * MS_NS ? left : 100n * MS_NS;
      now.monotonicNs += stepNs;
      now.utcNs += stepNs;
      while (server.live.pacer.turn());
    }
  };
  return { server, pass, now };
}

async function startDomain(
  plane: ControlPlane,
  items: LeaseItem[] = [RUNNING_ITEM],
  authorisedPico?: string,
): Promise<void> {
  await plane.must({ type: 'create-volume', volume: VOLUME });
  await plane.must({ type: 'build-domain', domain: DOMAIN });
  const lease = plane.lease(authorisedPico === undefined ? { items } : { items, authorisedPico });
  await plane.must({ type: 'set-lease', lease });
  await plane.must({ type: 'start-domain', domainId: 'dom_1' });
}

const runningNs = (values: string[]): bigint => BigInt(values[DOMAIN_METERS.indexOf('state.running.ns')]!);
const spaceByteNs = (values: string[]): bigint =>
  BigInt(values[VOLUME_METERS.indexOf('disk.space.byte_ns')]!);

describe('readings', () => {
  test('A3: the host is stepped exactly to each UTC quarter hour, and to each second for inner readings', async () => {
    const plane = new ControlPlane();
    const { pass } = await startHost(plane, QUARTER_UTC_NS - 1_500_000_001n);
    await startDomain(plane);
    pass(3n * SECOND_NS);
    await plane.until(() => plane.readingsOf('dom_1').length >= 4);
    const [open, before, cut, after] = plane.readingsOf('dom_1');
    expect(open).toMatchObject({ seq: 0, kind: 'open', state: 'running', reason: 'start', prev: ZERO_HASH });
    expect(open!.values.every((value) => value === '0')).toBe(true);
    expect(before).toMatchObject({ kind: 'inner', utcNs: (QUARTER_UTC_NS - SECOND_NS).toString() });
    expect(cut).toMatchObject({ kind: 'cut', reason: 'quarter-hour', utcNs: QUARTER_UTC_NS.toString() });
    expect(after).toMatchObject({ kind: 'inner', utcNs: (QUARTER_UTC_NS + SECOND_NS).toString() });
    expect(BigInt(cut!.hostNs)).toBe(1_500_000_001n);
    expect(runningNs(cut!.values)).toBe(BigInt(cut!.hostNs) - BigInt(open!.hostNs));
    const volumeCut = plane.readingsOf('vol_1').find((reading) => reading.reason === 'quarter-hour')!;
    const volumeOpen = plane.readingsOf('vol_1')[0]!;
    const livedNs = BigInt(volumeCut.hostNs) - BigInt(volumeOpen.hostNs);
    expect(spaceByteNs(volumeCut.values)).toBe(livedNs * BigInt(VOLUME.bytes));
    expect(plane.alarms).toEqual([]);
  });

  test('A6: a wall clock that jumps an hour ahead gives a cut per quarter hour and changes no amount', async () => {
    const plane = new ControlPlane();
    const { pass, now } = await startHost(plane);
    await startDomain(plane);
    pass(SECOND_NS);
    now.utcNs += 4n * QUARTER_HOUR_NS;
    pass(2n * SECOND_NS);
    await plane.until(
      () => plane.readingsOf('dom_1').filter((r) => r.reason === 'quarter-hour').length === 4,
    );
    const cuts = plane.readingsOf('dom_1').filter((reading) => reading.reason === 'quarter-hour');
    expect(cuts.map((cut) => BigInt(cut.utcNs))).toEqual(
      [0n, 1n, 2n, 3n].map((quarter) => QUARTER_UTC_NS + quarter * QUARTER_HOUR_NS),
    );
    expect(new Set(cuts.map((cut) => cut.values.join())).size).toBe(1);
    await plane.must({ type: 'cut', resourceIds: null, reason: 'test' });
    const last = plane.readingsOf('dom_1').at(-1)!;
    expect(runningNs(last.values)).toBe(BigInt(last.hostNs));
    expect(plane.alarms).toEqual([]);
  });

  test('A6: a wall clock set back never makes a label fall, nor an amount', async () => {
    const plane = new ControlPlane();
    const { pass, now } = await startHost(plane);
    await startDomain(plane);
    pass(SECOND_NS);
    now.utcNs -= 3_600n * SECOND_NS;
    pass(5n * SECOND_NS);
    const { utcNs } = await plane.must({ type: 'cut', resourceIds: ['dom_1'], reason: 'test' });
    const last = plane.readingsOf('dom_1').at(-1)!;
    expect(last.utcNs).toBe(utcNs);
    expect(runningNs(last.values)).toBe(6n * SECOND_NS);
    expect(plane.alarms).toEqual([]);
  });

  test('every pause and unpause is a cut with the state from then on', async () => {
    const plane = new ControlPlane();
    const { pass } = await startHost(plane);
    await startDomain(plane);
    pass(300n * MS_NS);
    await plane.must({ type: 'pause-domain', domainId: 'dom_1', cause: 'tenant' });
    await plane.must({ type: 'pause-domain', domainId: 'dom_1', cause: 'billing' });
    pass(200n * MS_NS);
    await plane.must({ type: 'unpause-domain', domainId: 'dom_1', cause: 'tenant' });
    expect(plane.last('operation-done').domain).toMatchObject({ state: 'paused', pauseCauses: ['billing'] });
    pass(100n * MS_NS);
    await plane.must({ type: 'unpause-domain', domainId: 'dom_1', cause: 'billing' });
    const cuts = plane.readingsOf('dom_1').filter((reading) => reading.kind === 'cut');
    expect(cuts.map(({ state, reason }) => `${state} ${reason}`)).toEqual([
      'paused pause:tenant',
      'running unpause:billing',
    ]);
    expect(cuts.map(({ values }) => runningNs(values))).toEqual([300n * MS_NS, 300n * MS_NS]);
  });

  test('figures close every second: own, on behalf, overhead, idle and lost are all of the elapsed time', async () => {
    const plane = new ControlPlane();
    const { pass, now, server } = await startHost(plane);
    await startDomain(plane);
    pass(2n * SECOND_NS);
    now.monotonicNs += 3n * SECOND_NS;
    now.utcNs += 3n * SECOND_NS;
    while (server.live.pacer.turn());
    pass(SECOND_NS);
    const { figures } = plane.last('figures');
    const parts = [figures.ownNs, figures.onBehalfNs, figures.overheadNs, figures.idleNs, figures.lostNs].map(
      BigInt,
    );
    expect(parts.reduce((sum, part) => sum + part, 0n)).toBe(BigInt(figures.elapsedNs));
    expect(BigInt(figures.elapsedNs)).toBe(2n * 6n * SECOND_NS);
    expect(BigInt(figures.lostNs)).toBe(2n * 2_750n * MS_NS);
  });
});

describe('leases', () => {
  test('C3: nothing starts without a lease, and an exhausted one pauses in the tick; a raise resumes', async () => {
    const plane = new ControlPlane();
    const { pass } = await startHost(plane);
    await plane.must({ type: 'create-volume', volume: VOLUME });
    await plane.must({ type: 'build-domain', domain: DOMAIN });
    const refused = await plane.command({ type: 'start-domain', domainId: 'dom_1' });
    expect(refused.error?.code).toBe('ENOLEASE');
    const items = [RUNNING_ITEM];
    const taken = await plane.must({
      type: 'set-lease',
      lease: plane.lease({ items, authorisedPico: '500000000' }),
    });
    await plane.must({ type: 'start-domain', domainId: 'dom_1' });
    pass(SECOND_NS);
    await plane.until(() => plane.all('lease-changed').some((event) => event.state === 'exhausted'));
    await plane.until(() => plane.all('domain-changed').at(-1)?.domain.state === 'paused');
    const paused = plane.readingsOf('dom_1').find((reading) => reading.reason === 'pause:allowance')!;
    expect(paused).toMatchObject({ kind: 'cut', state: 'paused' });
    const drawnNs = runningNs(paused.values);
    expect(drawnNs).toBeGreaterThanOrEqual(500n * MS_NS - 2n * MS_NS);
    expect(drawnNs).toBeLessThanOrEqual(501n * MS_NS);
    expect(plane.last('domain-changed').domain.pauseCauses).toEqual(['allowance']);

    const raise = plane.lease({
      items,
      generation: 2,
      authorisedPico: '800000000',
      sinceUtcNs: taken.utcNs!,
    });
    expect((await plane.must({ type: 'set-lease', lease: raise })).utcNs).toBe(taken.utcNs);
    pass(SECOND_NS);
    await plane.until(
      () => plane.readingsOf('dom_1').filter((r) => r.reason === 'pause:allowance').length === 2,
    );
    const reasons = plane.readingsOf('dom_1').flatMap((r) => (r.kind === 'cut' ? [r.reason] : []));
    expect(reasons).toEqual(['pause:allowance', 'unpause:allowance', 'pause:allowance']);
    expect(runningNs(plane.readingsOf('dom_1').at(-1)!.values)).toBeLessThanOrEqual(801n * MS_NS);
  });

  test('C4: a lease that runs out pauses at its very instant, and a renewed one resumes', async () => {
    const plane = new ControlPlane();
    const { pass } = await startHost(plane);
    await startDomain(plane);
    const bootUtcNs = BigInt(plane.last('booted').bootUtcNs);
    const expiresUtcNs = (bootUtcNs + 700n * MS_NS + 123n).toString();
    const items = [RUNNING_ITEM];
    await plane.must({ type: 'set-lease', lease: plane.lease({ items, generation: 2, expiresUtcNs }) });
    pass(900n * MS_NS);
    await plane.until(() => plane.all('lease-changed').some((event) => event.state === 'expired'));
    await plane.until(() =>
      plane.readingsOf('dom_1').some((reading) => reading.reason === 'pause:allowance'),
    );
    expect(plane.readingsOf('dom_1').at(-1)).toMatchObject({ utcNs: expiresUtcNs, state: 'paused' });
    await plane.must({ type: 'set-lease', lease: plane.lease({ items, generation: 3 }) });
    expect(plane.readingsOf('dom_1').at(-1)).toMatchObject({ reason: 'unpause:allowance', state: 'running' });
  });

  test('an ended lease holds the tenant at once', async () => {
    const plane = new ControlPlane();
    const { pass } = await startHost(plane);
    await startDomain(plane);
    pass(100n * MS_NS);
    const ended = await plane.must({ type: 'end-lease', leaseId: 'lse_1' });
    pass(100n * MS_NS);
    await plane.until(() =>
      plane.readingsOf('dom_1').some((reading) => reading.reason === 'pause:allowance'),
    );
    expect(plane.readingsOf('dom_1').at(-1)).toMatchObject({ utcNs: ended.utcNs, state: 'paused' });
    expect((await plane.command({ type: 'end-lease', leaseId: 'lse_1' })).error?.code).toBe('ENOENT');
  });

  test('leases that are tampered with, foreign, stale or of other terms are refused and change nothing', async () => {
    const plane = new ControlPlane();
    await startHost(plane);
    await startDomain(plane);
    const items = [RUNNING_ITEM];
    const code = async (lease: { body: string; signature: string }): Promise<string | undefined> =>
      (await plane.command({ type: 'set-lease', lease })).error?.code;
    const good = plane.lease({ items, generation: 2 });
    expect(await code({ ...good, body: good.body.replace('"pause"', '"alert"') })).toBe('EKEYREJECTED');
    expect(await code(plane.lease({ items, generation: 2, epoch: 9 }))).toBe('ESTALE');
    expect(await code(plane.lease({ items, generation: 2, expiresUtcNs: '5' }))).toBe('ESTALE');
    expect(await code(plane.lease({ items, generation: 2, hostId: 'host_2' }))).toBe('EINVAL');
    expect(await code(plane.lease({ items, generation: 2, tenantId: 'ten_2' }))).toBe('EINVAL');
    expect(await code(plane.lease({ items, leaseId: 'lse_2', sinceUtcNs: '7' }))).toBe('EINVAL');
    expect(
      await code(plane.lease({ items: [{ ...RUNNING_ITEM, meter: 'moon.phase' }], generation: 2 })),
    ).toBe('EINVAL');
    expect(await code(plane.lease({ items: [{ ...RUNNING_ITEM, freeQuantity: '9' }], generation: 2 }))).toBe(
      'EINVAL',
    );
    // A generation that is not newer is no error, and no change either.
    expect(await code(plane.lease({ items, generation: 1, authorisedPico: '0' }))).toBeUndefined();
    expect(plane.all('lease-changed')).toEqual([]);
    expect(plane.readingsOf('dom_1').at(-1)!.state).toBe('running');
  });
});

describe('commands', () => {
  test('an operation id is executed once and answered the same, also after a restart', async () => {
    const plane = new ControlPlane();
    const { server } = await startHost(plane);
    const create: Command = { operationId: 'op_once', type: 'create-volume', volume: VOLUME };
    const { operationId, ...body } = create;
    const first = await plane.command(body, operationId);
    const again = await plane.command(body, operationId);
    expect(again).toEqual(first);
    expect(first.ok).toBe(true);
    await server.stop();
    await startHost(plane);
    expect(await plane.command(body, operationId)).toEqual(first);
    expect((await plane.command(body)).error?.code).toBe('EEXIST');
  });

  test('a build whose port is taken is undone in full and names the port', async () => {
    const plane = new ControlPlane();
    const { server, pass } = await startHost(plane);
    await plane.must({ type: 'create-volume', volume: VOLUME });
    const other = createServer();
    await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
    const { port } = other.address() as { port: number };
    const publishedPorts = [{ guestPort: 80, hostPort: port }];
    const framesFree = server.live.figures().framesFree;
    const refused = await plane.command({ type: 'build-domain', domain: { ...DOMAIN, publishedPorts } });
    expect(refused.error).toMatchObject({
      code: 'EADDRINUSE',
      detail: expect.stringContaining(String(port)) as string,
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
    await startHost(plane);
    await startDomain(plane);
    expect((await plane.command(body)).error?.code).toBe(code);
  });

  test('a domain is shut down, started again as a new incarnation, and destroyed; its volume outlives it', async () => {
    const plane = new ControlPlane();
    const { pass } = await startHost(plane);
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
    const { server, pass } = await startHost(plane);
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

    const second = await startHost(plane, QUARTER_UTC_NS - 30n * SECOND_NS);
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
    expect(plane.readingsOf('dom_1').at(-1)).toBe(ends[0]);
    await plane.must({ type: 'set-lease', lease: plane.lease({ items: [RUNNING_ITEM] }) });
    expect(plane.readingsOf('dom_1').at(-1)).toBe(ends[0]);
    await plane.must({ type: 'unpause-domain', domainId: 'dom_1', cause: 'operator' });
    const reopened = plane.readingsOf('dom_1').at(-1)!;
    expect(reopened).toMatchObject({ kind: 'open', seq: 0, prev: ends[0]!.hash });
    expect(reopened.incarnation.startsWith('host_1/2/')).toBe(true);
    expect(BigInt(reopened.utcNs)).toBeGreaterThan(BigInt(ends[0]!.utcNs));
    const volumeOpen = plane
      .readingsOf('vol_1')
      .find((r) => r.seq === 0 && r.incarnation.startsWith('host_1/2/'))!;
    expect(volumeOpen).toMatchObject({ reason: 'boot', prev: ends[1]!.hash });
    expect(plane.alarms).toEqual([]);
  });

  test('batches that nobody acknowledged are sent again after a restart and change nothing', async () => {
    const plane = new ControlPlane();
    plane.acknowledges = false;
    const { server, pass } = await startHost(plane);
    await startDomain(plane);
    pass(3n * SECOND_NS);
    await server.stop();
    const before = plane.all('readings').length;
    const counted = [...plane.stored.values()].flat().length;
    const second = await startHost(plane);
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
    await startHost(plane);
    await plane.until(() => plane.all('readings').some(({ batch }) => batch.epoch === 3));
    expect(plane.all('readings').some(({ batch }) => batch.epoch === 1)).toBe(false);
    expect(plane.all('readings').some(({ batch }) => batch.epoch === 2)).toBe(true);
  });

  test('a failed assertion freezes the host: it says so, keeps its readings and refuses commands', async () => {
    const plane = new ControlPlane();
    const { server, pass } = await startHost(plane);
    await startDomain(plane);
    pass(SECOND_NS);
    const planted = (): never => {
      throw new Error('frames owned + free + Xen is not all frames');
    };
    expect(() => server.live.act(planted)).toThrow(/frames/);
    await plane.until(() => plane.all('frozen').length === 1);
    expect(plane.last('frozen')).toMatchObject({
      epoch: 1,
      detail: expect.stringContaining('frames owned') as string,
    });
    const last = plane.readingsOf('dom_1').at(-1)!;
    pass(SECOND_NS);
    expect((await plane.command({ type: 'start-domain', domainId: 'dom_1' })).error?.code).toBe('EIO');
    await server.stop();
    expect(plane.readingsOf('dom_1').at(-1)).toBe(last);
    await startHost(plane);
    expect(plane.last('booted').domains).toMatchObject([{ domainId: 'dom_1', pauseCauses: ['allowance'] }]);
  });

  test('a folder of another host is refused', async () => {
    const plane = new ControlPlane();
    await startHost(plane);
    const options = {
      hostId: 'host_2',
      dataDir,
      pcpus: 1,
      frames: 65_536,
      controlPublicKey: plane.publicKey,
    };
    await expect(XenoServer.open(options, () => undefined)).rejects.toThrow(/belongs to host host_1/);
  });
});
