import { describe, expect, test } from '@jest/globals';
import { Prng } from '../base/prng.js';
import { IMAGES, type ImageName } from '../guest/images.js';
import { HOSTILE_KINDS } from '../guest/workloads.js';
import { LIMITS } from '../limits.js';
import { utf8 } from '../guest/text.js';
import { createMemoryHost } from './memory-devices.js';

const MS = 1_000_000n;
const REQUESTS = [
  '/',
  '/burn?ms=3',
  '/disk?write=70000&read=3000',
  '/bytes?n=200000',
  '/stats',
  '/none',
  '/burn?ms=-1',
];

/** Random owners' commands and peers on one host; every step reads the meters, which checks the books. */
function simulate(seed: number, steps: number): string {
  const prng = new Prng(seed);
  const { host, disk, uplink } = createMemoryHost({
    pcpus: prng.between(1, 4),
    frames: 1 << 17,
    xenFrames: 500,
    seed,
  });
  const images: ImageName[] = ['idle', 'busy', 'bursty', 'greedy', 'hostile', 'web', 'tick-dodger'];
  const trace: string[] = [];
  const last = new Map<number, bigint[]>();
  let made = 0;
  const anyDomain = () =>
    prng.pick([
      ...host
        .list()
        .filter((d) => !d.driver)
        .map((d) => d.domId),
      9999,
    ]);
  const acts: (() => unknown)[] = [
    () => host.openVolume({ id: `v${prng.below(8)}`, sizeBytes: BigInt(prng.between(1, 2048)) * 512n }),
    () => host.closeVolume(`v${prng.below(8)}`),
    () => {
      made += 1;
      const built = host.createDomain({
        name: `d${made}`,
        id: `d${made}`,
        vcpus: prng.between(1, 3),
        weight: prng.between(1, 1000),
        cap: prng.pick([0, 0, 20, 130]),
        memoryFrames: prng.between(1, 30_000),
        volumes:
          prng.below(2) === 0 ? [{ volumeId: `v${prng.below(8)}`, readOnly: prng.below(4) === 0 }] : [],
        image: IMAGES[prng.pick(images)],
        commandLine: prng.pick(HOSTILE_KINDS),
      });
      if (!built.ok) return built;
      if (prng.below(4) === 0) host.pause(built.value, 'tenant');
      return host.unpause(built.value);
    },
    () => host.destroyDomain(anyDomain()),
    () => host.pause(anyDomain(), prng.pick(['tenant', 'operator'] as const)),
    () => host.unpause(anyDomain(), prng.pick(['tenant', 'operator'] as const)),
    () => host.setCap(anyDomain(), prng.pick([0, 5, 90, 250])),
    () => host.setWeight(anyDomain(), prng.between(1, 5000)),
    () => host.shutdownDomain(anyDomain(), 'reboot'),
    () => host.lose(host.nowNs + BigInt(prng.below(3_000_000))),
    () => {
      disk.immediate = prng.below(2) === 0;
      if (prng.below(5) === 0) disk.broken.add(`v${prng.below(8)}`);
      disk.answer(prng.below(10));
    },
    () => {
      uplink.reading = prng.below(4) !== 0;
      const name = [...uplink.listening.keys()][0];
      const connection =
        name === undefined
          ? null
          : uplink.connect(name.split(':')[0] as string, 80, LIMITS.uplinkWindowBytes);
      if (connection !== null)
        uplink.transmit(connection, utf8(`GET ${prng.pick(REQUESTS)} HTTP/1.1\r\nhost: x\r\n\r\n`));
    },
    () => host.uplinkClosed(prng.between(1, 50), prng.pick(['end', 'reset'] as const)),
    () => host.uplinkSent(prng.between(1, 50), prng.below(100_000)),
    () =>
      host.setAllowance({
        id: `l${prng.below(3)}`,
        members: [`d${prng.below(made + 1)}`],
        balance: BigInt(prng.below(50_000_000)),
        policy: prng.pick(['warn', 'throttle', 'pause'] as const),
        weights: [
          {
            resourceId: `d${prng.below(made + 1)}`,
            meter: 'cpu.ns',
            state: 'any',
            numerator: 1n,
            denominator: 3n,
            free: 5n,
          },
          {
            resourceId: `v${prng.below(8)}`,
            meter: 'disk.space.byte_ns',
            state: 'any',
            numerator: 1n,
            denominator: 1000n,
            free: 0n,
          },
          {
            resourceId: `v${prng.below(8)}`,
            meter: 'disk.read.bytes',
            state: 'any',
            numerator: 9n,
            denominator: 1n,
            free: 0n,
          },
        ],
      }),
  ];
  for (let step = 0; step < steps; step += 1) {
    prng.pick(acts)();
    host.run(host.nowNs + BigInt(prng.below(5_000_000)));
    for (const event of host.drainEvents()) trace.push(JSON.stringify(event, text));
    const sample = host.sample();
    for (const r of sample.readings) {
      const before = last.get(r.serial) ?? r.values.map(() => 0n);
      r.values.forEach((value, i) => {
        if (value < (before[i] as bigint)) throw new Error(`incarnation ${r.serial}: meter ${i} fell`);
      });
      last.set(r.serial, r.values);
    }
    const states = new Map(sample.readings.map((r) => [r.serial, r.state]));
    for (const { incarnationSerial, power } of host.list()) {
      if (incarnationSerial !== null && states.get(incarnationSerial) !== power)
        throw new Error(`incarnation ${incarnationSerial} is not read as ${power}`);
    }
    trace.push(JSON.stringify(sample, text));
  }
  return trace.join('\n');
}

function text(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

describe('a host under random owners, guests and peers', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])(
    "C1-C4 the books close at every reading, no counter falls and each life is in its domain's state (seed %i)",
    (seed) => {
      expect(() => simulate(seed, 250)).not.toThrow();
    },
  );

  test('T3 the same seed and inputs give the same bytes, another seed gives others', () => {
    expect(simulate(77, 120)).toBe(simulate(77, 120));
    expect(simulate(77, 20)).not.toBe(simulate(78, 20));
  });

  test('T1 how often the owner looks changes nothing', () => {
    const runs = [1n, 7n, 1000n].map((parts) => {
      const { host } = createMemoryHost({ pcpus: 2, frames: 1 << 16, xenFrames: 100, seed: 5 });
      for (const [i, name] of (['busy', 'bursty', 'bursty', 'tick-dodger', 'busy'] as const).entries()) {
        const built = host.createDomain({
          name,
          id: `d${i}`,
          vcpus: 2,
          memoryFrames: 10,
          image: IMAGES[name],
          cap: i === 4 ? 30 : 0,
        });
        if (built.ok) host.unpause(built.value);
      }
      for (let part = 1n; part <= parts; part += 1n) {
        host.run((1000n * MS * part) / parts);
        if (parts > 1n) host.sample();
      }
      return JSON.stringify(host.sample(), text);
    });
    expect(runs[1]).toBe(runs[0]);
    expect(runs[2]).toBe(runs[0]);
  });
});
