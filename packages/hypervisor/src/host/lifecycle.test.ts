import { describe, expect, test } from '@jest/globals';
import { IMAGES } from '../guest/images.js';
import type { DomainConfig } from './domain-config.js';
import { createMemoryHost } from './memory-devices.js';

const MS = 1_000_000n;

function rig(frames = 1 << 16) {
  const made = createMemoryHost({ pcpus: 2, frames, xenFrames: 256, seed: 7 });
  const config = (id: string, more: Partial<DomainConfig> = {}): DomainConfig => ({
    name: id,
    id,
    vcpus: 1,
    memoryFrames: 1000,
    image: IMAGES.busy,
    ...more,
  });
  const create = (id: string, more: Partial<DomainConfig> = {}): number => {
    const built = made.host.createDomain(config(id, more));
    if (!built.ok) throw new Error(built.detail);
    return built.value;
  };
  const reading = (id: string) => made.host.sample().readings.find((r) => r.resourceId === id);
  return { ...made, config, create, reading };
}

describe('lifecycle', () => {
  test('L1 a domain is built paused and has no incarnation, no charge, before its first unpause', () => {
    const { host, create, reading } = rig();
    const domId = create('a');
    host.run(50n * MS);
    expect(host.list().find((d) => d.domId === domId)).toMatchObject({
      power: 'paused',
      holds: ['build'],
      incarnationSerial: null,
    });
    expect(reading('a')).toBeUndefined();
    host.unpause(domId);
    host.run(60n * MS);
    expect(reading('a')).toMatchObject({ openedNs: 50n * MS, state: 'running' });
    expect(reading('a')?.values[2]).toBe(1000n * 10n * MS);
  });

  test('L1 a domain that is released while another cause holds it is metered, paused, from that instant', () => {
    const { host, create, reading } = rig();
    const domId = create('a');
    host.run(10n * MS);
    host.pause(domId, 'tenant');
    host.run(20n * MS);
    expect(reading('a')).toBeUndefined();
    host.unpause(domId);
    const events = host.drainEvents().map((e) => e.type);
    expect(events.filter((type) => type === 'incarnation.opened')).toHaveLength(1);
    expect(events).not.toContain('domain.state');
    host.run(50n * MS);
    const paused = reading('a');
    expect(paused).toMatchObject({ openedNs: 20n * MS, state: 'paused' });
    expect(paused?.values[2]).toBe(1000n * 30n * MS);
    expect(paused?.values.slice(9, 11)).toEqual([0n, 30n * MS]);
    expect(paused?.values[0]).toBe(0n);
    host.unpause(domId, 'tenant');
    host.run(60n * MS);
    const running = reading('a');
    expect(running).toMatchObject({ serial: paused?.serial, state: 'running' });
    expect(running?.values.slice(9, 11)).toEqual([10n * MS, 30n * MS]);
    const [runs, runnable, blocked, offline] = running?.values.slice(11) as [bigint, bigint, bigint, bigint];
    expect(runs + runnable + blocked + offline).toBe(40n * MS);
    expect(offline).toBe(30n * MS);
  });

  test('L2 pauses are counted by cause: each cause holds once and the domain runs when all are clear', () => {
    const { host, create, reading } = rig();
    const domId = create('a');
    host.unpause(domId);
    host.run(10n * MS);
    expect(host.pause(domId, 'tenant').ok).toBe(true);
    expect(host.pause(domId, 'tenant').ok).toBe(true);
    expect(host.pause(domId, 'operator').ok).toBe(true);
    const cpu = reading('a')?.values[0];
    host.run(20n * MS);
    expect(host.unpause(domId, 'tenant').ok).toBe(true);
    expect(host.unpause(domId, 'tenant')).toMatchObject({ ok: false, errno: 'EINVAL' });
    host.run(30n * MS);
    expect(reading('a')?.values[0]).toBe(cpu);
    expect(reading('a')?.values.slice(9, 11)).toEqual([10n * MS, 20n * MS]);
    host.unpause(domId, 'operator');
    host.run(40n * MS);
    expect(reading('a')?.values[0]).toBeGreaterThan(cpu as bigint);
    expect(reading('a')?.values.slice(9, 11)).toEqual([20n * MS, 20n * MS]);
  });

  test('L2 causes that belong to the builder or to allowances are refused to callers', () => {
    const { host, create } = rig();
    const domId = create('a');
    expect(host.pause(domId, 'allowance')).toMatchObject({ errno: 'EPERM' });
    expect(host.unpause(domId, 'allowance')).toMatchObject({ errno: 'EPERM' });
    expect(host.pause(domId, 'build')).toMatchObject({ errno: 'EINVAL' });
    expect(host.pause(99, 'tenant')).toMatchObject({ errno: 'ESRCH' });
    expect(host.pause(domId, 'nobody' as never)).toMatchObject({ errno: 'EINVAL' });
  });

  test('L3 a refused build leaves nothing behind: frames, ids and volumes are as before', () => {
    const { host, config } = rig();
    host.openVolume({ id: 'v', sizeBytes: 4096n });
    const before = host.sample().balance.frames;
    const failing = {
      name: 'broken',
      boot: () => {
        throw new Error('no kernel');
      },
    };
    const refusals = [
      [{ memoryFrames: 1 << 20 }, 'ENOMEM'],
      [{ image: failing, volumes: [{ volumeId: 'v' }] }, 'EIO'],
      [{ volumes: [{ volumeId: 'v' }, { volumeId: 'none' }] }, 'ENODEV'],
      [{ volumes: [{ volumeId: 'v' }, { volumeId: 'v' }] }, 'EINVAL'],
      [{ vcpus: 0 }, 'EINVAL'],
      [{ vcpus: 1.5 }, 'EINVAL'],
      [{ weight: 65536 }, 'EINVAL'],
      [{ cap: -1 }, 'EINVAL'],
      [{ memoryFrames: 10, memoryFramesMax: 9 }, 'EINVAL'],
      [{ name: '' }, 'EINVAL'],
      [{ name: 'a\nb' }, 'EINVAL'],
      [{ id: '../etc' }, 'EINVAL'],
      [{ id: 'v' }, 'EEXIST'],
    ] as const;
    for (const [more, errno] of refusals) {
      expect(host.createDomain(config('a', more as Partial<DomainConfig>))).toMatchObject({
        ok: false,
        errno,
      });
    }
    expect(host.sample().balance.frames).toEqual(before);
    expect(host.listVolumes()[0]?.attachedTo).toBeNull();
    expect(host.list().filter((d) => !d.driver)).toEqual([]);
    expect(host.createDomain(config('a', { volumes: [{ volumeId: 'v' }] })).ok).toBe(true);
  });

  test('L4 destroying closes the incarnation with a final reading and frees everything; the next life has a new serial', () => {
    const { host, create } = rig();
    host.openVolume({ id: 'v', sizeBytes: 4096n });
    const first = create('a', { volumes: [{ volumeId: 'v' }] });
    host.unpause(first);
    host.run(10n * MS);
    expect(host.closeVolume('v')).toMatchObject({ errno: 'EBUSY' });
    expect(host.destroyDomain(first).ok).toBe(true);
    const closed = host.drainEvents().find((e) => e.type === 'incarnation.closed');
    expect(closed).toMatchObject({ id: 'a', atNs: 10n * MS, reading: { final: true, serial: 2 } });
    expect(host.destroyDomain(first)).toMatchObject({ errno: 'ESRCH' });
    const second = create('a', { volumes: [{ volumeId: 'v' }] });
    expect(second).not.toBe(first);
    host.unpause(second);
    host.run(11n * MS);
    const serials = host.sample().readings.map((r) => r.serial);
    expect(serials).toEqual([1, 3]);
    expect(host.sample().balance.frames.ownedFrames).toBe(1000 + 2 * 4096 + 512);
  });

  test('L5 a domain whose guest ends keeps its memory, stops executing and counts neither running nor paused', () => {
    const { host, create, reading } = rig();
    const domId = create('a', { image: IMAGES.hostile, commandLine: 'throws' });
    host.unpause(domId);
    host.run(10n * MS);
    const events = host.drainEvents();
    expect(events.find((e) => e.type === 'domain.crashed')).toMatchObject({
      id: 'a',
      message: 'Error: hostile',
    });
    const cut = events.filter((e) => e.type === 'domain.state').at(-1);
    expect(cut).toMatchObject({ state: 'crashed', reading: { state: 'crashed' } });
    const before = reading('a')?.values ?? [];
    host.run(20n * MS);
    const after = reading('a')?.values ?? [];
    expect(after[0]).toBe(before[0]);
    expect(after[9]).toBe(before[9]);
    expect(after[10]).toBe(0n);
    expect((after[2] as bigint) - (before[2] as bigint)).toBe(1000n * 10n * MS);
    expect(
      host
        .list()
        .find((d) => d.domId === domId)
        ?.stateLetters.slice(3, 5),
    ).toBe('sc');
  });

  test('L6 a state change carries a cut taken at that instant, exact on both sides', () => {
    const { host, create } = rig();
    const domId = create('a');
    host.unpause(domId);
    host.run(7_654_321n);
    host.drainEvents();
    host.pause(domId, 'tenant');
    const [event] = host.drainEvents();
    expect(event).toMatchObject({ type: 'domain.state', state: 'paused', cause: 'tenant', atNs: 7_654_321n });
    const cut = event?.type === 'domain.state' ? event.reading : null;
    expect(cut?.values[9]).toBe(7_654_321n);
    expect(cut?.values[2]).toBe(1000n * 7_654_321n);
    host.run(8_000_000n);
    expect(host.sample().readings[0]?.values[0]).toBe(cut?.values[0]);
  });

  test('L7 a volume is metered from opening to closing, attached or not', () => {
    const { host } = rig();
    host.run(MS);
    expect(host.openVolume({ id: 'v', sizeBytes: 1n << 20n }).ok).toBe(true);
    expect(host.openVolume({ id: 'v', sizeBytes: 512n })).toMatchObject({ errno: 'EEXIST' });
    expect(host.openVolume({ id: 'w', sizeBytes: 100n })).toMatchObject({ errno: 'EINVAL' });
    host.run(3n * MS);
    host.closeVolume('v');
    const closed = host.drainEvents().find((e) => e.type === 'incarnation.closed');
    expect(closed?.type === 'incarnation.closed' && closed.reading.values[4]).toBe((1n << 20n) * 2n * MS);
    expect(host.closeVolume('v')).toMatchObject({ errno: 'ENODEV' });
  });

  test('T2 lost time executes nothing and bills no CPU; levels and timers go on', () => {
    const { host, create, reading } = rig();
    const domId = create('a');
    host.unpause(domId);
    host.run(10n * MS);
    const before = reading('a')?.values ?? [];
    host.lose(15n * MS);
    const sample = host.sample();
    const after = reading('a')?.values ?? [];
    expect(sample.balance.pcpus.map((p) => p.lostNs)).toEqual([5n * MS, 5n * MS]);
    expect(after[0]).toBe(before[0]);
    expect((after[2] as bigint) - (before[2] as bigint)).toBe(5000n * MS);
    expect((after[12] as bigint) - (before[12] as bigint)).toBe(5n * MS);
    host.run(20n * MS);
    expect((reading('a')?.values[0] as bigint) - (after[0] as bigint)).toBe(5n * MS);
  });
});
