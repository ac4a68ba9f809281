import { describe, expect, test } from '@jest/globals';
import type { GuestImage } from '../abi/guest.js';
import { coroutineGuest } from '../guest/coroutine.js';
import { IMAGES } from '../guest/images.js';
import type { Host } from '../host/host.js';
import type { DomainConfig } from '../host/domain-config.js';
import { createMemoryHost } from '../host/memory-devices.js';

const SECOND = 1_000_000_000n;

function hostOf(pcpus: number) {
  return createMemoryHost({ pcpus, frames: 1 << 22, xenFrames: 1024, seed: 1 }).host;
}

function start(host: Host, id: string, image: GuestImage, options: Partial<DomainConfig> = {}): number {
  const built = host.createDomain({ name: id, id, vcpus: 1, memoryFrames: 64, image, ...options });
  if (!built.ok) throw new Error(built.detail);
  host.unpause(built.value);
  return built.value;
}

function meter(host: Host, id: string, index: number): bigint {
  const reading = host.sample().readings.find((r) => r.resourceId === id);
  return reading?.values[index] ?? -1n;
}

const cpuOf = (host: Host, id: string): number => Number(meter(host, id, 0));

describe('scheduler', () => {
  test('S1 one pCPU is shared by weight 256:512 within 2 %', () => {
    const host = hostOf(1);
    start(host, 'a', IMAGES.busy, { weight: 256 });
    start(host, 'b', IMAGES.busy, { weight: 512 });
    host.run(60n * SECOND);
    expect(cpuOf(host, 'b') / cpuOf(host, 'a')).toBeGreaterThan(2 * 0.98);
    expect(cpuOf(host, 'b') / cpuOf(host, 'a')).toBeLessThan(2 * 1.02);
  });

  test('S1 ten busy domains of weights 100 to 1000 on one pCPU get their shares within 4 %', () => {
    const host = hostOf(1);
    for (let i = 1; i <= 10; i += 1) start(host, `d${i}`, IMAGES.busy, { weight: i * 100 });
    host.run(120n * SECOND);
    for (let i = 1; i <= 10; i += 1) {
      const share = cpuOf(host, `d${i}`) / 120e9;
      expect(Math.abs(share / (i / 55) - 1)).toBeLessThan(0.04);
    }
  });

  test('S2 what a domain cannot use flows to the others (2 pCPUs, 512 and 256: both run all the time)', () => {
    const host = hostOf(2);
    start(host, 'a', IMAGES.busy, { weight: 512 });
    start(host, 'b', IMAGES.busy, { weight: 256 });
    host.run(10n * SECOND);
    expect(cpuOf(host, 'a') / 10e9).toBeGreaterThan(0.999);
    expect(cpuOf(host, 'b') / 10e9).toBeGreaterThan(0.999);
  });

  test('S2 Xen worked example: A 256, B 512, C 256 with two vCPUs on two pCPUs get 120:240:240', () => {
    const host = hostOf(2);
    start(host, 'a', IMAGES.busy, { weight: 256 });
    start(host, 'b', IMAGES.busy, { weight: 512 });
    start(host, 'c', IMAGES.busy, { weight: 256, vcpus: 2 });
    host.run(60n * SECOND);
    const total = 120e9;
    expect(Math.abs(cpuOf(host, 'a') / total - 0.2)).toBeLessThan(0.01);
    expect(Math.abs(cpuOf(host, 'b') / total - 0.4)).toBeLessThan(0.01);
    expect(Math.abs(cpuOf(host, 'c') / total - 0.4)).toBeLessThan(0.01);
  });

  test.each([
    [1, 1],
    [25, 1],
    [50, 1],
    [150, 2],
    [333, 4],
  ])('S3 cap %i with %i vCPUs is kept within 1 % on an otherwise idle host', (cap, vcpus) => {
    const host = hostOf(4);
    start(host, 'a', IMAGES.busy, { cap, vcpus });
    host.run(30n * SECOND);
    expect(Math.abs(cpuOf(host, 'a') / (30e9 * (cap / 100)) - 1)).toBeLessThan(0.01);
  });

  test('S3 a cap set and lifted while running takes effect at once, and time parked counts as offline', () => {
    const host = hostOf(1);
    const domId = start(host, 'a', IMAGES.busy);
    host.run(SECOND);
    host.setCap(domId, 10);
    const before = cpuOf(host, 'a');
    host.run(11n * SECOND);
    expect(Math.abs((cpuOf(host, 'a') - before) / 1e9 - 1)).toBeLessThan(0.02);
    expect(Number(meter(host, 'a', 14)) / 9e9).toBeGreaterThan(0.99);
    host.setCap(domId, 0);
    const capped = cpuOf(host, 'a');
    host.run(12n * SECOND);
    expect((cpuOf(host, 'a') - capped) / 1e9).toBeGreaterThan(0.999);
  });

  test('S4 a guest that sleeps over every tick gets its share and not more, and pays for all it executed', () => {
    const host = hostOf(1);
    start(host, 'dodger', IMAGES['tick-dodger']);
    start(host, 'hog', IMAGES.busy);
    host.run(60n * SECOND);
    expect(cpuOf(host, 'dodger') / 60e9).toBeLessThan(0.5 + 0.02);
    const { balance } = host.sample();
    const executed = balance.pcpus.reduce((sum, p) => sum + p.ownNs, 0n);
    expect(meter(host, 'dodger', 0) + meter(host, 'hog', 0)).toBe(executed);
  });

  test('S5 no pCPU idles while a vCPU waits', () => {
    const host = hostOf(4);
    for (let i = 0; i < 9; i += 1) start(host, `d${i}`, IMAGES.busy);
    host.run(10n * SECOND);
    for (const p of host.sample().balance.pcpus) expect(Number(p.idleNs) / 10e9).toBeLessThan(0.0001);
  });

  test('S6 a waking vCPU with credit preempts those that compute within the rate limit and a switch', () => {
    const host = hostOf(1);
    for (let i = 0; i < 5; i += 1) start(host, `hog${i}`, IMAGES.busy);
    const lateNs: bigint[] = [];
    start(host, 'late', latenessRecorder(lateNs));
    host.run(5n * SECOND);
    expect(lateNs.length).toBeGreaterThan(50);
    const typical = [...lateNs].sort((a, b) => (a < b ? -1 : 1))[Math.floor(lateNs.length * 0.9)] as bigint;
    expect(typical).toBeLessThan(1_100_000n);
  });

  test('S7 the steps of a slice do not depend on how many domains sleep', () => {
    const counts = [0, 2000].map((sleepers) => {
      const host = hostOf(2);
      for (let i = 0; i < sleepers; i += 1) start(host, `idle${i}`, IMAGES.idle);
      host.run(2n * SECOND);
      for (let i = 0; i < 10; i += 1) start(host, `busy${i}`, IMAGES.busy);
      const before = host.stats();
      host.run(12n * SECOND);
      const after = host.stats();
      return { slices: after.slices - before.slices, exits: after.guestExits - before.guestExits };
    });
    expect(Math.abs((counts[1]?.slices ?? 0) - (counts[0]?.slices ?? 0))).toBeLessThan(10);
    expect(Math.abs((counts[1]?.exits ?? 0) - (counts[0]?.exits ?? 0))).toBeLessThan(20);
  });

  test('S7 with 2,000 runnable domains instead of 10 the machine takes as many steps per slice', () => {
    const perSlice = [10, 2000].map((runnable) => {
      const host = hostOf(2);
      for (let i = 0; i < runnable; i += 1) start(host, `busy${i}`, IMAGES.busy);
      host.run(2n * SECOND);
      const before = host.stats();
      host.run(22n * SECOND);
      const after = host.stats();
      return (after.guestExits - before.guestExits) / (after.slices - before.slices);
    });
    expect(perSlice[1]).toBeLessThanOrEqual((perSlice[0] as number) + 1);
  });

  test('S12 a yield lets any other that waits go first, and who stops yielding has its share again', () => {
    const host = hostOf(1);
    let yielding = true;
    const image: GuestImage = {
      name: 'yields',
      boot: () => ({
        run: () =>
          yielding ? { workNs: 0n, then: { do: 'yield' } } : { workNs: 1_000_000n, then: { do: 'continue' } },
      }),
    };
    start(host, 'yields', image);
    start(host, 'other', IMAGES.busy);
    host.run(5n * SECOND);
    expect(cpuOf(host, 'other') / 5e9).toBeGreaterThan(0.99);
    yielding = false;
    const before = cpuOf(host, 'yields');
    host.run(15n * SECOND);
    expect(Math.abs((cpuOf(host, 'yields') - before) / 5e9 - 1)).toBeLessThan(0.04);
  });

  test('S13 a vCPU that is off line does not execute, is offline meanwhile and shares again when it is back', () => {
    const host = hostOf(1);
    const image: GuestImage = {
      name: 'hotplug',
      boot: (info) =>
        coroutineGuest(function* (vcpu) {
          if (vcpu === 0) {
            for (const cmd of ['down', 'up'] as const) {
              yield { do: 'hypercall', call: { op: 'vcpu_op', cmd, vcpu: 1 } };
              yield { do: 'block', untilNs: info.systemTimeNs() + 10n * SECOND };
            }
            for (;;) yield { do: 'block' };
          }
          for (;;) yield { do: 'work', ns: 1_000_000 };
        }),
    };
    start(host, 'hotplug', image, { vcpus: 2 });
    start(host, 'other', IMAGES.busy);
    host.run(10n * SECOND);
    expect(cpuOf(host, 'other') / 10e9).toBeGreaterThan(0.99);
    expect(Number(meter(host, 'hotplug', 14)) / 10e9).toBeGreaterThan(0.99);
    const before = cpuOf(host, 'hotplug');
    host.run(11n * SECOND);
    const back = cpuOf(host, 'hotplug');
    host.run(21n * SECOND);
    expect(back).toBeGreaterThan(before);
    expect(Math.abs((cpuOf(host, 'hotplug') - back) / 5e9 - 1)).toBeLessThan(0.04);
  });
});

/** Sleeps 50 ms at a time and records how late it was woken. */
function latenessRecorder(lateNs: bigint[]): GuestImage {
  return {
    name: 'lateness',
    boot: (info) => {
      let dueNs = 0n;
      return {
        run: () => {
          const nowNs = info.systemTimeNs();
          if (dueNs > 0n) lateNs.push(nowNs - dueNs);
          dueNs = nowNs + 50_000_000n;
          return { workNs: 0n, then: { do: 'block', untilNs: dueNs } };
        },
      };
    },
  };
}
