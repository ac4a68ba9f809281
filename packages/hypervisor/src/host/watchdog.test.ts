import { describe, expect, test } from '@jest/globals';
import type { Domain } from '../domain/domain.js';
import { IMAGES } from '../guest/images.js';
import type { Host } from './host.js';
import type { Machine } from './machine.js';
import { createMemoryHost } from './memory-devices.js';

const S = 1_000_000_000n;

function rig() {
  const { host } = createMemoryHost({ pcpus: 2, frames: 1 << 14, xenFrames: 256, seed: 7 });
  const built = host.createDomain({ name: 'a', id: 'a', vcpus: 1, memoryFrames: 100, image: IMAGES.idle });
  if (!built.ok) throw new Error(built.detail);
  host.unpause(built.value);
  const machine = (host as unknown as { machine: Machine }).machine;
  return { host, machine, domId: built.value, domain: machine.domains.get(built.value) as Domain };
}

const lineOf = (host: Host) => host.list().find((d) => d.id === 'a');

describe('watchdogs and the counted pause', () => {
  test('L8 a watchdog that is not set again in time ends the domain with the reason watchdog, to the nanosecond', () => {
    const { host, machine, domain } = rig();
    host.run(5n);
    expect(machine.watchdogs.set(domain, 0, 2)).toBe(1);
    host.run(S);
    expect(machine.watchdogs.set(domain, 1, 2)).toBe(0);
    host.run(3n * S - 1n);
    expect(lineOf(host)?.power).toBe('running');
    host.run(4n * S);
    expect(lineOf(host)).toMatchObject({
      power: 'crashed',
      shutdownReason: 'watchdog',
      stateLetters: '-b-sw-',
    });
    const crashed = host.drainEvents().find((e) => e.type === 'domain.crashed');
    expect(crashed).toMatchObject({ atNs: 3n * S, id: 'a' });
  });

  test('L8 there are two watchdogs: a third is ENOSPC, one that is not armed EINVAL, time 0 disarms', () => {
    const { host, machine, domain } = rig();
    expect(machine.watchdogs.set(domain, 1, 5)).toBe(-22);
    expect(machine.watchdogs.set(domain, 0, 5)).toBe(1);
    expect(machine.watchdogs.set(domain, 0, 6)).toBe(2);
    expect(machine.watchdogs.set(domain, 0, 7)).toBe(-28);
    expect(machine.watchdogs.set(domain, 3, 7)).toBe(-22);
    expect(machine.watchdogs.set(domain, 1, 0)).toBe(0);
    expect(machine.watchdogs.set(domain, 1, 0)).toBe(-22);
    expect(machine.watchdogs.set(domain, 2, 0)).toBe(0);
    host.run(20n * S);
    expect(lineOf(host)?.power).toBe('running');
  });

  test('L8 the time in which somebody holds the domain does not count for its watchdogs', () => {
    const { host, machine, domain, domId } = rig();
    machine.watchdogs.set(domain, 0, 2);
    host.run(S);
    host.pause(domId, 'tenant');
    host.run(100n * S);
    host.unpause(domId, 'tenant');
    host.run(101n * S - 1n);
    expect(lineOf(host)?.power).toBe('running');
    host.run(101n * S);
    expect(lineOf(host)?.power).toBe('crashed');
  });

  test('L8 a domain that ended or was destroyed has no watchdog', () => {
    const { host, machine, domain, domId } = rig();
    machine.watchdogs.set(domain, 0, 1);
    host.shutdownDomain(domId, 'poweroff');
    host.run(2n * S);
    expect(lineOf(host)?.shutdownReason).toBe('poweroff');
    expect(domain.watchdogs).toEqual([null, null]);
    host.destroyDomain(domId);
    expect(host.drainEvents().filter((e) => e.type === 'domain.crashed')).toEqual([]);
  });

  test('L9 pauses of the toolstack count as in Xen: 1 at the build, 255 at most (EOVERFLOW), below zero EINVAL', () => {
    const { host } = rig();
    const built = host.createDomain({ name: 'b', id: 'b', vcpus: 1, memoryFrames: 10, image: IMAGES.idle });
    const domId = built.ok ? built.value : -1;
    const power = () => host.list().find((d) => d.domId === domId)?.power;
    for (let i = 0; i < 254; i += 1) expect(host.pause(domId, 'toolstack').ok).toBe(true);
    expect(host.pause(domId, 'toolstack')).toMatchObject({ errno: 'EOVERFLOW' });
    for (let i = 0; i < 254; i += 1) expect(host.unpause(domId, 'toolstack').ok).toBe(true);
    expect(power()).toBe('paused');
    expect(host.unpause(domId, 'toolstack').ok).toBe(true);
    expect(power()).toBe('running');
    expect(host.unpause(domId, 'toolstack')).toMatchObject({ errno: 'EINVAL' });
  });

  test('L9 the count and the causes stand beside each other: the domain runs when neither holds it', () => {
    const { host, domId } = rig();
    host.pause(domId, 'tenant');
    host.pause(domId, 'toolstack');
    host.pause(domId, 'toolstack');
    host.unpause(domId, 'toolstack');
    host.unpause(domId, 'tenant');
    expect(lineOf(host)).toMatchObject({ power: 'paused', holds: ['toolstack'] });
    host.unpause(domId, 'toolstack');
    expect(lineOf(host)?.power).toBe('running');
  });
});
