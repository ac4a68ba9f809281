import { describe, expect, test } from '@jest/globals';
import type { GuestImage, StartInfo } from '../abi/guest.js';
import { coroutineGuest, type GuestRoutine } from '../guest/coroutine.js';
import { IMAGES } from '../guest/images.js';
import { hostOf, metersOf, SECOND_NS, start } from './fair-shares.fixture.js';

const MS = 1_000_000n;
const TICK_S = 0.01;

function attacker(name: string, run: (info: StartInfo, vcpu: number) => GuestRoutine): GuestImage {
  return { name, boot: (info) => coroutineGuest((vcpu) => run(info, vcpu)) };
}

/** Works up to `offNs` before each multiple of `periodNs` and sleeps over it. */
function dodger(periodNs: bigint, offNs: bigint) {
  return attacker('dodger', function* (info) {
    for (;;) {
      const nowNs = info.systemTimeNs();
      const edgeNs = (nowNs / periodNs + 1n) * periodNs;
      if (edgeNs - offNs > nowNs) yield { do: 'work', ns: edgeNs - offNs - nowNs };
      yield { do: 'block', untilNs: edgeNs + offNs };
    }
  });
}

/** Works a little and sleeps a little, to be boosted each time it wakes. */
function napper(workNs: bigint, napNs: bigint) {
  return attacker('napper', function* (info) {
    for (;;) {
      yield { do: 'work', ns: workNs };
      yield { do: 'block', untilNs: info.systemTimeNs() + napNs };
    }
  });
}

const yields = attacker('yield-storm', function* () {
  for (;;) yield { do: 'yield' };
});

/** Two vCPUs that wake each other by events, so that both are always boosted. */
const pingPong = attacker('ping-pong', function* (info, vcpu) {
  const other = (vcpu + 1) % 2;
  const bind = { op: 'event_channel_op', cmd: 'bind_ipi', vcpu: other } as const;
  const port = Number(yield { do: 'hypercall', call: bind });
  for (;;) {
    yield { do: 'work', ns: 300_000n };
    yield { do: 'hypercall', call: { op: 'event_channel_op', cmd: 'send', port } };
    info.takePendingPorts();
    yield { do: 'block', untilNs: info.systemTimeNs() + MS };
  }
});

const ATTACKS: [string, GuestImage, number][] = [
  ['9.5 ms on, 0.5 ms off around each tick', IMAGES['tick-dodger'], 1],
  ['asleep for 1 us around each tick', dodger(10n * MS, 500n), 1],
  ['asleep around each period of 30 ms', dodger(30n * MS, 10_000n), 1],
  ['yields all the time', yields, 1],
  ['yields all the time on 8 vCPUs', yields, 8],
  ['naps of 10 us after 100 us', napper(100_000n, 10_000n), 1],
  ['naps of 1 ms after 1 ms', napper(MS, MS), 1],
  ['naps of 31 ms after 31 ms', napper(31n * MS, 31n * MS), 1],
  ['naps on 16 vCPUs', napper(MS, 100_000n), 16],
  ['events to itself', pingPong, 2],
  ['rings a driver for nothing', IMAGES.hostile, 1],
  ['hides its work in I/O', IMAGES.greedy, 1],
];

describe('theft', () => {
  test.each(ATTACKS)(
    'S4 S10 S11 %s: no more than its share and a tick, and at most 0.1 %% left unbilled',
    (name, image, vcpus) => {
      const spanS = 20;
      const host = hostOf(1);
      host.openVolume({ id: 'vol', sizeBytes: 1n << 20n });
      const volumes = [{ volumeId: 'vol' }];
      start(host, 'attacker', image, { vcpus, volumes, commandLine: 'event-storm' });
      // Weight counts per vCPU: the honest neighbour has as many.
      start(host, 'honest', IMAGES.busy, { vcpus });
      host.run(SECOND_NS);
      const overheadS = () => Number(host.sample().balance.pcpus[0]?.overheadNs) / 1e9;
      const before = { own: metersOf(host, 0), behalf: metersOf(host, 1), overhead: overheadS() };
      host.run(host.nowNs + BigInt(spanS) * SECOND_NS);
      const grew = (id: string, index: number, from: Map<string, number>) =>
        (metersOf(host, index).get(id) as number) - (from.get(id) as number);
      const taken = grew('attacker', 0, before.own) + grew('attacker', 1, before.behalf);
      const unbilled = overheadS() - before.overhead;
      expect(taken).toBeGreaterThan(0);
      // A slice is what anybody can be ahead of anybody else at the end of a span.
      expect([name, taken <= spanS / 2 + TICK_S + 0.03]).toEqual([name, true]);
      expect(grew('honest', 0, before.own)).toBeGreaterThan((spanS / 2) * 0.99);
      expect(unbilled / spanS).toBeLessThan(0.001);
      expect(unbilled / taken).toBeLessThan(0.001);
    },
    60_000,
  );
});
