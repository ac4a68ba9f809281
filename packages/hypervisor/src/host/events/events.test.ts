import { describe, expect, test } from '@jest/globals';
import { EVENT_STATUS, VIRQ } from '../../abi/event.js';
import { ERRNO } from '../../abi/errno.js';
import { DOMID_SELF } from '../../abi/guest.js';
import { coroutineGuest, type GuestEffect } from '../../guest/coroutine.js';
import { IMAGES } from '../../guest/images.js';
import { utf8 } from '../../guest/text.js';
import { LIMITS } from '../../limits.js';
import {
  answersTo,
  channel,
  FIRST_PORT,
  MS,
  rig,
  sched,
  SECOND,
  SETTLE,
  sleepFor,
  type Script,
} from './event-rig.sim.js';
import { createMemoryHost } from '../memory-devices.js';

describe('event_channel_op', () => {
  test('E1 limits, states and errors as the interface has them', () => {
    const answers = answersTo(
      [
        channel('alloc_unbound', { domId: DOMID_SELF, remoteDomId: DOMID_SELF }),
        channel('status', { port: FIRST_PORT }),
        channel('bind_interdomain', { remoteDomId: DOMID_SELF, remotePort: FIRST_PORT }),
        channel('bind_ipi', { vcpu: 0 }),
        channel('bind_ipi', { vcpu: 7 }),
        channel('close', { port: FIRST_PORT + 1 }),
        channel('close', { port: FIRST_PORT + 1 }),
        channel('status', { port: FIRST_PORT }),
        channel('status', { port: 9_999 }),
        channel('alloc_unbound', { domId: 999, remoteDomId: 1 }),
        channel('alloc_unbound', { domId: 1, remoteDomId: 1 }),
        channel('bind_interdomain', { remoteDomId: 999, remotePort: 1 }),
        channel('bind_pirq', { pirq: 3 }),
        channel('set_priority', { port: FIRST_PORT, priority: 3 }),
        channel('bind_virq', { virq: VIRQ.DOM_EXC, vcpu: 0 }),
        channel('send', {}),
        channel('send', { port: 2 ** 40 }),
      ],
      { maxEventChannels: FIRST_PORT + 1 },
    );
    expect(answers).toEqual([
      FIRST_PORT,
      { rc: 0, status: EVENT_STATUS.unbound, vcpu: 0, remoteDomId: expect.any(Number) },
      FIRST_PORT + 1,
      -ERRNO.ENOSPC,
      -ERRNO.ENOENT,
      0,
      -ERRNO.EINVAL,
      { rc: 0, status: EVENT_STATUS.unbound, vcpu: 0, remoteDomId: expect.any(Number) },
      -ERRNO.EINVAL,
      -ERRNO.ESRCH,
      -ERRNO.EPERM,
      -ERRNO.ESRCH,
      -ERRNO.EPERM,
      -ERRNO.ENOSYS,
      -ERRNO.EBUSY,
      -ERRNO.EFAULT,
      -ERRNO.EINVAL,
    ]);
  });

  test('E5 reset closes all ports of the caller, its devices included, and harms nobody else', () => {
    const { host, start } = rig();
    const { said } = start('a', function* (info, say) {
      for (let i = 0; i < 300; i += 1) yield channel('bind_ipi');
      say(yield channel('reset'));
      say(yield channel('send', { port: info.sockets.port }));
      say(yield channel('bind_ipi'));
      for (;;) yield channel('reset');
    });
    const web = start('b', function* (_info, say) {
      for (;;) {
        yield { do: 'work', ns: MS };
        say(1);
      }
    });
    host.run(SECOND);
    expect(said).toEqual([0, -ERRNO.EINVAL, 1]);
    expect(web.said.length).toBeGreaterThan(450);
    host.sample();
    host.list().forEach(({ domId, driver }) => driver || host.destroyDomain(domId));
    host.run(host.nowNs + SECOND);
    expect(host.list().every((d) => d.driver && d.power === 'running')).toBe(true);
  });

  test('E7 a guest may write anything into its page, and reaches nothing but its page', () => {
    const { host, start } = rig();
    const { said } = start('a', function* (info, say) {
      const { sharedInfo } = info;
      for (const at of [-1, 4096, 0.5, NaN, 'buffer', 'length'] as number[]) {
        say(sharedInfo.load(at));
        sharedInfo.store(at, 1);
      }
      const port = (yield channel('bind_ipi')) as number;
      for (let round = 0; round < 50; round += 1) {
        for (let at = 0; at < 4096; at += 1) sharedInfo.store(at, (at * 7 + round * 31) & 0xff);
        yield channel('send', { port });
        yield channel('unmask', { port });
        yield { do: 'block', untilNs: info.systemTimeNs() + MS };
        info.takePendingPorts();
      }
      say('done');
      for (;;) yield { do: 'block', untilNs: info.systemTimeNs() + MS };
    });
    host.run(SECOND);
    host.sample();
    expect(said).toEqual([0, 0, 0, 0, 0, 0, 'done']);
    expect(host.list().filter((d) => d.power !== 'running')).toEqual([]);
  });

  test('E6 a peer that is destroyed leaves an unbound port; sending on goes nowhere and costs the sender', () => {
    const { host, start } = rig();
    const victim = start('victim', function* () {
      yield channel('alloc_unbound', { remoteDomId: victim.domId + 1 });
      for (;;) yield sleepFor;
    });
    host.run(host.nowNs + SETTLE);
    const { said } = start('sender', function* (_info, say) {
      const port = yield channel('bind_interdomain', { remoteDomId: victim.domId, remotePort: FIRST_PORT });
      say(port);
      for (let i = 0; i < 5_000; i += 1) {
        const sent = yield channel('send', { port });
        if (sent !== 0) say(sent);
      }
      say(yield channel('status', { port }));
      for (;;) yield sleepFor;
    });
    expect(said).toEqual([]);
    host.run(host.nowNs + SETTLE);
    host.destroyDomain(victim.domId);
    host.run(host.nowNs + SECOND);
    expect(said).toEqual([
      expect.any(Number),
      { rc: 0, status: EVENT_STATUS.unbound, vcpu: 0, remoteDomId: victim.domId },
    ]);
  });
});

describe('events of the host', () => {
  test('E1 the ports of a driver domain are closed by nobody else, not even by the control domain', () => {
    const { host, start } = rig();
    const tools = start(
      'tools',
      function* (_info, say) {
        say(yield channel('reset', { domId: 1 }));
        say(yield channel('alloc_unbound', { domId: 2, remoteDomId: 3 }));
        for (;;) yield sleepFor;
      },
      { privileged: true },
    );
    host.run(SECOND);
    expect(tools.said).toEqual([-ERRNO.EPERM, -ERRNO.EPERM]);
  });

  test('E12 DOM_EXC tells the control domain that a domain shut down, crashed, or is gone', () => {
    const { host, start } = rig();
    const tools = start(
      'tools',
      function* (info, say) {
        const port = yield channel('bind_virq', { virq: VIRQ.DOM_EXC, vcpu: 0 });
        for (;;) {
          if (info.takePendingPorts().includes(port as number)) say(info.systemTimeNs() / (100n * MS));
          yield sleepFor;
        }
      },
      { privileged: true },
    );
    start('a', function* () {
      yield { do: 'block', untilNs: 100n * MS };
      yield sched('shutdown', { reason: 'poweroff' });
    });
    start('b', function* () {
      yield { do: 'block', untilNs: 200n * MS };
      throw new Error('broken');
    });
    host.run(300n * MS);
    expect(tools.said).toEqual([1n, 2n]);
    const gone = host.list().find((d) => d.id === 'a');
    host.destroyDomain(gone?.domId as number);
    host.run(400n * MS);
    expect(tools.said).toEqual([1n, 2n, 3n]);
  });

  test('E20 two domains that answer each other never lose a wake-up (20,000 rounds, every way of sleeping)', () => {
    const { host, start } = rig(2);
    const ROUNDS = 20_000;
    const ways = [sleepFor, sched('block'), { do: 'yield' } as const];
    const player = (open: (domId: number) => GuestEffect): Script =>
      function* (info, say) {
        const port = (yield open(info.domId)) as number;
        if (port < 0) throw new Error(`errno ${port}`);
        for (let round = 0; round < ROUNDS;) {
          const way = ways[round % 3] as GuestEffect;
          if (!info.takePendingPorts().includes(port)) {
            yield round % 7 === 0 ? sched('poll', { ports: [port], timeoutNs: 0n }) : way;
            continue;
          }
          round += 1;
          yield channel('send', { port });
        }
        say('done');
        for (;;) {
          info.takePendingPorts();
          yield sleepFor;
        }
      };
    const first = start(
      'first',
      player((domId) => channel('alloc_unbound', { remoteDomId: domId + 1 })),
    );
    host.run(host.nowNs + SETTLE);
    const second = start(
      'second',
      player(() => channel('bind_interdomain', { remoteDomId: first.domId, remotePort: FIRST_PORT })),
    );
    host.run(10n * SECOND);
    host.sample();
    expect([first.said, second.said]).toEqual([['done'], ['done']]);
  });

  test('E21 an event for a vCPU that computes wakes a sibling that sleeps; a polling one is left alone', () => {
    const { host, start } = rig(3);
    const { said, domId } = start(
      'a',
      function* (info, say, vcpu) {
        if (vcpu === 0) {
          yield channel('alloc_unbound', { remoteDomId: domId + 1 });
          yield { do: 'work', ns: SECOND };
        }
        if (vcpu === 1) yield sched('poll', { ports: [900], timeoutNs: 700n * MS });
        if (vcpu === 1) say(['polled', info.systemTimeNs() / (100n * MS)]);
        for (;;) {
          yield sleepFor;
          const ports = info.takePendingPorts();
          if (ports.length > 0) say([vcpu, ports, info.systemTimeNs() / (100n * MS)]);
        }
      },
      { vcpus: 3 },
    );
    host.run(host.nowNs + SETTLE);
    start('b', function* (info) {
      const port = yield channel('bind_interdomain', { remoteDomId: domId, remotePort: FIRST_PORT });
      info.takePendingPorts();
      yield { do: 'block', untilNs: 300n * MS };
      yield channel('send', { port });
      for (;;) yield sleepFor;
    });
    host.run(2n * SECOND);
    expect(said).toEqual([
      [2, [FIRST_PORT], 3n],
      ['polled', 7n],
    ]);
  });

  test('E22 a domain without ports for its devices is not built, and leaves nothing behind (ENOSPC)', () => {
    const { host } = rig();
    for (const id of ['v1', 'v2']) host.openVolume({ id, sizeBytes: 4096n });
    const frames = host.sample().balance.frames.freeFrames;
    const config = {
      name: 'a',
      id: 'a',
      vcpus: 1,
      memoryFrames: 8,
      image: { name: 'none', boot: () => coroutineGuest(function* () {}) },
      volumes: [{ volumeId: 'v1' }, { volumeId: 'v2' }],
    };
    expect(host.createDomain({ ...config, maxEventChannels: 1 })).toMatchObject({
      ok: false,
      errno: 'ENOSPC',
    });
    expect(host.createDomain({ ...config, maxEventChannels: 4096 })).toMatchObject({ errno: 'EINVAL' });
    expect(host.createDomain({ ...config, vcpusMax: 33 })).toMatchObject({ errno: 'EINVAL' });
    expect(host.sample().balance.frames.freeFrames).toBe(frames);
    expect(host.listVolumes().map((v) => v.attachedTo)).toEqual([null, null]);
    expect(host.createDomain(config).ok).toBe(true);
  });

  test('E22 connections that end give their ports back on both sides: 60 in turn through 5 channels', () => {
    const { host, uplink } = createMemoryHost({ pcpus: 1, frames: 1 << 16, xenFrames: 64, seed: 1 });
    const config = { name: 'web', id: 'web', vcpus: 2, memoryFrames: 64, maxEventChannels: FIRST_PORT + 4 };
    const built = host.createDomain({ ...config, image: IMAGES.web });
    if (!built.ok) throw new Error(built.detail);
    host.unpause(built.value);
    host.run(50n * MS);
    for (let i = 0; i < 60; i += 1) {
      const connection = uplink.connect('web', 80, LIMITS.uplinkWindowBytes) as number;
      uplink.transmit(connection, utf8('GET /bytes?n=10 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'));
      host.run(host.nowNs + 5n * MS);
      // Every third peer breaks off instead of ending.
      host.uplinkClosed(connection, i % 3 === 0 ? 'reset' : 'end');
      host.run(host.nowNs + 5n * MS);
      const peer = uplink.peers.get(connection);
      expect([i, peer?.receivedBytes, peer?.closed]).toEqual([i, expect.any(Number), true]);
      expect(peer?.receivedBytes).toBeGreaterThan(10);
    }
    host.sample();
  });
});
