import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { VOLUME_METERS } from '@xenorack/hypervisor';
import { ZERO_HASH } from '../reading.js';
import { ControlPlane, VOLUME } from './control-plane.fixture.js';
import { HostBench, MS_NS, QUARTER_UTC_NS, runningNs, startDomain } from './host-bench.fixture.js';
import { QUARTER_HOUR_NS, SECOND_NS } from './live-host.js';

let bench: HostBench;
beforeEach(() => {
  bench = new HostBench();
});
afterEach(() => bench.close());

const spaceByteNs = (values: string[]): bigint =>
  BigInt(values[VOLUME_METERS.indexOf('disk.space.byte_ns')]!);

describe('readings', () => {
  test('A3: the host is stepped exactly to each UTC quarter hour, and to each second for inner readings', async () => {
    const plane = new ControlPlane();
    const { pass } = await bench.startHost(plane, QUARTER_UTC_NS - 1_500_000_001n);
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
    const { pass, now } = await bench.startHost(plane);
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
    const { pass, now } = await bench.startHost(plane);
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
    const { pass } = await bench.startHost(plane);
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
    const { pass, now, server } = await bench.startHost(plane);
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
    expect(BigInt(figures.lostNs)).toBe(2n * 2_500n * MS_NS);
  });
});
