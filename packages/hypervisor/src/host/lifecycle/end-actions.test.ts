import { describe, expect, test } from '@jest/globals';
import type { GuestImage } from '../../abi/guest.js';
import type { Domain } from '../../domain/domain.js';
import { coroutineGuest } from '../../guest/coroutine.js';
import { IMAGES } from '../../guest/images.js';
import { LIMITS } from '../../limits.js';
import { diskHammer } from '../disk-hammer.fixture.js';
import type { DomainConfig } from '../domain-config.js';
import type { Host } from '../host.js';
import type { Machine } from '../machine.js';
import { createMemoryHost } from '../memory-devices.js';

const MS = 1_000_000n;
const S = 1_000_000_000n;

/** Lives for `forNs`, then ends as told. */
function mayfly(forNs: bigint, end: 'poweroff' | 'reboot' | 'crash'): GuestImage {
  return {
    name: 'mayfly',
    boot: () =>
      coroutineGuest(function* () {
        yield { do: 'block', untilNs: 0n };
        yield { do: 'work', ns: forNs };
        yield { do: 'shutdown', reason: end };
      }),
  };
}

function rig() {
  const made = createMemoryHost({ pcpus: 2, frames: 1 << 14, xenFrames: 256, seed: 7 });
  const machine = (made.host as unknown as { machine: Machine }).machine;
  const create = (more: Partial<DomainConfig> = {}): number => {
    const built = made.host.createDomain({
      name: 'a',
      id: 'a',
      vcpus: 1,
      memoryFrames: 100,
      image: IMAGES.idle,
      ...more,
    });
    if (!built.ok) throw new Error(built.detail);
    made.host.unpause(built.value);
    return built.value;
  };
  return { ...made, machine, create };
}

const tenants = (host: Host) => host.list().filter((d) => !d.driver);

describe('what the host does when a domain ends', () => {
  test('L11 without a word in the configuration an ended domain is preserved, for every reason', () => {
    const { host, create } = rig();
    for (const end of ['poweroff', 'reboot', 'crash'] as const) create({ id: end, image: mayfly(MS, end) });
    host.run(10n * MS);
    expect(tenants(host).map((d) => [d.id, d.shutdownReason])).toEqual([
      ['poweroff', 'poweroff'],
      ['reboot', 'reboot'],
      ['crash', 'crash'],
    ]);
    expect(host.sample().balance.frames.ownedFrames).toBeGreaterThan(300);
  });

  test('L11 destroy takes the domain down at the instant of its end', () => {
    const { host, create } = rig();
    create({ image: mayfly(5n * MS, 'poweroff'), onPoweroff: 'destroy' });
    host.run(10n * MS);
    expect(tenants(host)).toEqual([]);
    const events = host.drainEvents();
    const end = events.find((e) => e.type === 'domain.shutdown');
    expect(events.find((e) => e.type === 'domain.destroyed')?.atNs).toBe(end?.atNs);
  });

  test('L11 restart builds it again: a new number, the same id, its volumes and sizes, a new life, what held it', () => {
    const { host, create } = rig();
    host.openVolume({ id: 'v', sizeBytes: 1n << 20n });
    const first = create({
      volumes: [{ volumeId: 'v' }],
      onReboot: 'restart',
      weight: 100,
      commandLine: 'x',
    });
    host.setWeight(first, 300);
    host.setCap(first, 40);
    host.pause(first, 'tenant');
    host.pause(first, 'toolstack');
    host.pause(first, 'toolstack');
    host.run(5n * MS);
    const [before] = tenants(host);
    host.shutdownDomain(first, 'reboot');
    host.run(6n * MS);
    const [after] = tenants(host);
    expect(after).toMatchObject({
      id: 'a',
      name: 'a',
      weight: 300,
      cap: 40,
      power: 'paused',
      volumeIds: ['v'],
    });
    expect(after?.holds.sort()).toEqual(['tenant', 'toolstack']);
    expect(after?.domId).not.toBe(first);
    expect(after?.incarnationSerial).toBeGreaterThan(before?.incarnationSerial as number);
    const events = host.drainEvents();
    expect(events.find((e) => e.type === 'domain.restarted')).toMatchObject({
      atNs: 5n * MS,
      fromDomId: first,
      domId: after?.domId,
      reason: 'reboot',
    });
    const order = events.map((e) => e.type).filter((type) => type.startsWith('incarnation.'));
    expect(order.slice(-2)).toEqual(['incarnation.closed', 'incarnation.opened']);
    host.unpause(after?.domId as number, 'tenant');
    host.unpause(after?.domId as number, 'toolstack');
    host.unpause(after?.domId as number, 'toolstack');
    expect(tenants(host)[0]?.power).toBe('running');
    host.sample();
  });

  test('L11 rename-restart keeps the ended one, with its memory and a life of its own, under a name with its time', () => {
    const { host, create } = rig();
    host.openVolume({ id: 'v', sizeBytes: 1n << 20n });
    const first = create({
      image: mayfly(5n * MS, 'crash'),
      volumes: [{ volumeId: 'v' }],
      onCrash: 'rename-restart',
      name: 'n'.repeat(64),
    });
    host.run(7n * MS);
    const crashed = host.drainEvents().find((e) => e.type === 'domain.crashed');
    const suffix = `-${crashed?.atNs}`;
    const [kept, successor] = tenants(host);
    expect(kept).toMatchObject({
      domId: first,
      id: `ended-${first}${suffix}`,
      power: 'crashed',
      volumeIds: [],
    });
    expect(kept?.name).toHaveLength(64);
    expect(kept?.name.endsWith(suffix)).toBe(true);
    expect(successor).toMatchObject({ id: 'a', power: 'running', volumeIds: ['v'] });
    const reading = host.sample().readings.find((r) => r.resourceId === kept?.id);
    expect(reading).toMatchObject({ state: 'crashed', openedNs: crashed?.atNs });
    expect(reading?.values[2]).toBe(100n * (7n * MS - (crashed?.atNs as bigint)));
    expect(host.destroyDomain(first).ok).toBe(true);
    host.sample();
  });

  test('L11 a restart waits until no transfer of its volumes is in flight, and destroying the ended one ends it', () => {
    const { host, create, disk } = rig();
    disk.immediate = false;
    host.openVolume({ id: 'v', sizeBytes: 1n << 20n });
    const first = create({ image: diskHammer, volumes: [{ volumeId: 'v' }], onPoweroff: 'restart' });
    host.run(5n * MS);
    host.shutdownDomain(first, 'poweroff');
    host.run(500n * MS);
    expect(tenants(host)[0]).toMatchObject({ domId: first, power: 'shutdown' });
    disk.answer();
    host.run(600n * MS);
    const second = tenants(host)[0]?.domId as number;
    expect(second).not.toBe(first);
    host.shutdownDomain(second, 'poweroff');
    host.run(700n * MS);
    expect(tenants(host)[0]?.domId).toBe(second);
    host.destroyDomain(second);
    disk.answer();
    host.run(2n * S);
    expect(tenants(host)).toEqual([]);
    host.sample();
  });

  test('L12 a domain whose lives are too short is restarted so many times in a row and then preserved', () => {
    const { host, create } = rig();
    create({ image: mayfly(MS, 'crash'), onCrash: 'restart' });
    host.run(2n * S);
    const events = host.drainEvents();
    expect(events.filter((e) => e.type === 'domain.restarted')).toHaveLength(LIMITS.restartsInARowMax - 1);
    expect(events.find((e) => e.type === 'domain.restart_refused')).toMatchObject({
      id: 'a',
      errno: 'EAGAIN',
    });
    expect(tenants(host)).toMatchObject([{ id: 'a', power: 'crashed' }]);
  });

  test('L12 a life that was long enough begins the count anew', () => {
    const { host, create } = rig();
    create({ image: mayfly(LIMITS.restartLifeNsMin, 'poweroff'), onPoweroff: 'restart' });
    host.run(LIMITS.restartLifeNsMin * 8n);
    const events = host.drainEvents();
    expect(events.filter((e) => e.type === 'domain.restarted').length).toBeGreaterThan(
      LIMITS.restartsInARowMax,
    );
    expect(events.some((e) => e.type === 'domain.restart_refused')).toBe(false);
  });

  test('L11 a restart that cannot be built is told, with its errno', () => {
    const { host, create, machine } = rig();
    const first = create({ onPoweroff: 'restart' });
    host.shutdownDomain(first, 'poweroff');
    // Somebody else holds on to the frames of the old one, and takes the rest.
    const big = host.createDomain({
      name: 'big',
      id: 'big',
      vcpus: 1,
      memoryFrames: machine.frames.freeFrames,
      image: IMAGES.idle,
    });
    expect(big.ok).toBe(true);
    const held = mfnsOf(machine, first);
    for (const mfn of held) expect(machine.frames.getPage(mfn, first)).toBe(true);
    host.run(MS);
    expect(host.drainEvents().find((e) => e.type === 'domain.restart_refused')).toMatchObject({
      id: 'a',
      errno: 'ENOMEM',
    });
    for (const mfn of held) machine.frames.putPage(mfn);
    host.sample();
  });
});

describe('dying and dead', () => {
  test('L10 a destroyed domain whose frames others refer to is listed dying, billed nothing, and dead when they let go', () => {
    const { host, create, machine } = rig();
    const first = create();
    const [mfn] = mfnsOf(machine, first);
    expect(machine.frames.getPage(mfn as number, first)).toBe(true);
    host.run(MS);
    host.destroyDomain(first);
    const closed = host.drainEvents();
    expect(closed.map((e) => e.type)).toEqual(
      expect.arrayContaining(['incarnation.closed', 'domain.destroyed']),
    );
    expect(closed.some((e) => e.type === 'domain.dead')).toBe(false);
    const zombie = host.list().find((d) => d.domId === first);
    expect(zombie).toMatchObject({ dying: true, memoryFrames: 1 });
    expect(zombie?.stateLetters[5]).toBe('d');
    expect(host.destroyDomain(first)).toMatchObject({ errno: 'ESRCH' });
    expect(host.sample().readings).toEqual([]);
    // The id is free at once, the number is not.
    const second = create();
    expect(second).not.toBe(first);
    for (let i = 0; i < 3; i += 1) host.destroyDomain(create({ id: 'b' }));
    host.run(2n * MS);
    host.drainEvents();
    machine.frames.putPage(mfn as number);
    expect(host.drainEvents()).toMatchObject([{ type: 'domain.dead', domId: first, id: 'a', atNs: 2n * MS }]);
    expect(host.list().some((d) => d.domId === first)).toBe(false);
    host.sample();
  });

  test('L10 a domain nobody refers to is dead at once', () => {
    const { host, create } = rig();
    const domId = create();
    host.drainEvents();
    host.destroyDomain(domId);
    expect(host.drainEvents().at(-1)).toMatchObject({ type: 'domain.dead', domId });
  });
});

function mfnsOf(machine: Machine, domId: number): number[] {
  const found: number[] = [];
  const domain = machine.domains.get(domId) as Domain;
  for (let gfn = 0; found.length < 20 && gfn < 100; gfn += 1) {
    const mfn = domain.space.machineFrameOf(gfn);
    if (mfn !== null && machine.frames.ownerOf(mfn) === domId) found.push(mfn);
  }
  return found;
}
