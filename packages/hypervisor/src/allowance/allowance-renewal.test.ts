import { describe, expect, test } from '@jest/globals';
import type { AllowanceSpec, AllowanceWeight } from './allowance-spec.js';
import { ALLOWANCE_STEP_NS } from './allowances.js';
import { Prng } from '../base/prng.js';
import { IMAGES, type ImageName } from '../guest/images.js';
import type { Meter } from '../meter/vector.js';
import { diskHammer } from '../host/disk-hammer.fixture.js';
import type { Host } from '../host/host.js';
import { weight } from './weight.fixture.js';
import { createMemoryHost } from '../host/memory-devices.js';

const MS = 1_000_000n;

function rig(image: ImageName | 'disk' = 'busy', seed = 3) {
  const made = createMemoryHost({ pcpus: 2, frames: 1 << 16, xenFrames: 256, seed });
  made.host.openVolume({ id: 'vol', sizeBytes: 1n << 20n });
  const built = made.host.createDomain({
    name: 'a',
    id: 'dom',
    vcpus: 1,
    memoryFrames: 100,
    volumes: [{ volumeId: 'vol' }],
    image: image === 'disk' ? diskHammer : IMAGES[image],
  });
  if (!built.ok) throw new Error(built.detail);
  made.host.unpause(built.value);
  return { ...made, domId: built.value };
}

function limit(
  balance: bigint,
  weights: AllowanceWeight[],
  more: Partial<AllowanceSpec> = {},
): AllowanceSpec {
  return { id: 'limit', members: ['dom', 'vol'], balance, weights, policy: 'pause', ...more };
}

const valueOf = (host: Host, id: string, index: number): bigint =>
  host.sample().readings.find((r) => r.resourceId === id)?.values[index] as bigint;
const renewalsIn = (host: Host) =>
  host.drainEvents().flatMap((e) => (e.type === 'allowance.renewed' ? [e] : []));

describe('renewal', () => {
  test('A10 CPU per period: at each boundary what was drawn is forgotten, what was held goes on, and it is told', () => {
    const { host } = rig();
    host.setAllowance(
      limit(20n * MS, [weight('dom', 'cpu.ns')], { renewal: { nextNs: 100n * MS, everyNs: 100n * MS } }),
    );
    for (let period = 1n; period <= 5n; period += 1n) {
      host.run(period * 100n * MS - 1n);
      expect(host.list().find((d) => d.id === 'dom')?.holds).toEqual(['allowance']);
      const used = valueOf(host, 'dom', 0);
      expect(used).toBeGreaterThanOrEqual(20n * period * MS);
      expect(used).toBeLessThanOrEqual((20n * MS + ALLOWANCE_STEP_NS) * period);
      host.drainEvents();
      host.run(period * 100n * MS);
      expect(host.list().find((d) => d.id === 'dom')?.power).toBe('running');
      const events = host.drainEvents().filter((e) => e.type.startsWith('allowance.'));
      expect(events.map((e) => e.type)).toEqual(['allowance.renewed', 'allowance.resumed']);
      expect(events[0]).toMatchObject({ atNs: period * 100n * MS, nextNs: (period + 1n) * 100n * MS });
      expect(host.allowances()[0]).toMatchObject({ drawn: 0n, stepsReached: 0 });
    }
  });

  test('A10 the owner may set each renewal itself; one that has been done stays done when the allowance is set again', () => {
    const { host } = rig();
    const month = (nextNs: bigint) =>
      limit(1n << 60n, [weight('dom', 'memory.frame_ns')], { renewal: { nextNs, everyNs: null } });
    host.setAllowance(month(31n * MS));
    host.run(40n * MS);
    expect(renewalsIn(host)).toMatchObject([{ drawn: 100n * 31n * MS, nextNs: null }]);
    expect(host.setAllowance(month(31n * MS))).toMatchObject({ ok: true, value: { drawn: 100n * 9n * MS } });
    expect(host.setAllowance(month(30n * MS))).toMatchObject({ ok: false, errno: 'EINVAL' });
    expect(host.setAllowance(month(59n * MS)).ok).toBe(true);
    host.run(60n * MS);
    expect(renewalsIn(host)).toMatchObject([{ atNs: 59n * MS, drawn: 100n * 28n * MS, nextNs: null }]);
    expect(host.allowances()[0]).toMatchObject({ drawn: 100n * MS, nextRenewalNs: null });
  });

  test('A10 an act in flight at the boundary counts to the period in which it was admitted, to the byte', () => {
    const { host, disk } = rig('disk');
    disk.immediate = false;
    const bytes = [weight('vol', 'disk.write.bytes'), weight('vol', 'disk.read.bytes')];
    host.setAllowance(limit(1n << 60n, bytes, { renewal: { nextNs: 50n * MS, everyNs: null } }));
    host.run(50n * MS - 1n);
    const before = host.allowances()[0];
    expect(before?.inFlight).toBe(64n * 512n);
    host.run(50n * MS);
    const [renewed] = renewalsIn(host);
    expect(renewed?.drawn).toBe((before?.drawn as bigint) + (before?.inFlight as bigint));
    expect(host.allowances()[0]).toMatchObject({ drawn: 0n, inFlight: 0n });
    disk.answer(1);
    host.run(51n * MS);
    expect(host.allowances()[0]).toMatchObject({ drawn: 0n });
    expect(valueOf(host, 'vol', 0) + valueOf(host, 'vol', 1)).toBe(renewed?.drawn);
    disk.answer();
    host.run(52n * MS);
    expect(host.allowances()[0]?.drawn).toBe(
      valueOf(host, 'vol', 0) + valueOf(host, 'vol', 1) - (renewed?.drawn as bigint),
    );
  });

  test('A10 an act that fails after the boundary stays with the period in which it was admitted', () => {
    const { host, disk } = rig('disk');
    disk.immediate = false;
    host.setAllowance(
      limit(1n << 60n, [weight('vol', 'disk.write.bytes')], { renewal: { nextNs: 5n * MS, everyNs: null } }),
    );
    host.run(10n * MS);
    expect(renewalsIn(host)[0]?.drawn).toBe(64n * 512n);
    disk.broken.add('vol');
    disk.answer(1);
    host.run(15n * MS);
    expect(valueOf(host, 'vol', 1)).toBe(0n);
    expect(host.allowances()[0]).toMatchObject({ drawn: 0n });
    expect(host.allowances()[0]?.inFlight).toBeGreaterThanOrEqual(0n);
  });

  test('A10 over random periods and acts the periods add up to what was metered, to the unit', () => {
    const seed = 424242;
    const prng = new Prng(seed);
    let renewals = 0;
    for (let round = 0; round < 40; round += 1) {
      const { host, disk } = rig('disk', prng.uint32());
      disk.immediate = false;
      const meters: [string, Meter, number][] = [
        ['dom', 'cpu.ns', 0],
        ['dom', 'cpu.onbehalf.ns', 1],
        ['dom', 'memory.frame_ns', 2],
        ['vol', 'disk.read.bytes', 0],
        ['vol', 'disk.write.bytes', 1],
        ['vol', 'disk.write.ops', 3],
      ];
      const weights = meters.map(([id, meter]) => weight(id, meter));
      const everyNs = BigInt(prng.between(1_000_000, 30_000_000));
      host.setAllowance(limit(1n << 80n, weights, { renewal: { nextNs: everyNs, everyNs } }));
      let old = 0n;
      let atNs = 0n;
      for (let i = 0; i < 60; i += 1) {
        atNs += BigInt(prng.between(1, 3_000_000));
        host.run(atNs);
        disk.answer(prng.between(0, 1));
        for (const e of renewalsIn(host)) {
          old += e.drawn;
          renewals += 1;
        }
      }
      disk.answer();
      host.run(atNs + 5n * MS);
      for (const e of renewalsIn(host)) old += e.drawn;
      const metered = meters.reduce((sum, [id, , index]) => sum + valueOf(host, id, index), 0n);
      const status = host.allowances()[0];
      const drawn = old + (status?.drawn as bigint);
      // An act still in flight has been counted to its period and not been metered yet.
      const early = drawn - metered;
      const flying = disk.waiting.reduce(
        (sum, { op, lengthBytes }) => sum + BigInt(lengthBytes) + (op === 'write' ? 1n : 0n),
        0n,
      );
      if (early !== 0n && early !== flying)
        throw new Error(`seed ${seed}, round ${round}: ${early} units too many`);
    }
    expect(renewals).toBeGreaterThan(200);
  });
});

describe('a change of terms', () => {
  test('A7 what was drawn at the old price is kept, what comes is drawn at the new one, and what is free is not free again', () => {
    const { host } = rig('idle');
    const set = (numerator: bigint, free: bigint) =>
      host.setAllowance(limit(1n << 60n, [weight('dom', 'memory.frame_ns', numerator, { free })]));
    set(2n, 300n * MS);
    host.run(10n * MS);
    expect(host.allowances()[0]?.drawn).toBe(2n * 700n * MS);
    set(5n, 300n * MS);
    host.run(20n * MS);
    expect(host.allowances()[0]?.drawn).toBe((2n * 700n + 5n * 1000n) * MS);
    // 2,000 were consumed: of 2,500 free ones 500 are left.
    set(5n, 2500n * MS);
    host.run(30n * MS);
    expect(host.allowances()[0]?.drawn).toBe((2n * 700n + 5n * 1000n + 5n * 500n) * MS);
  });

  test('A7 over random changes of price and free quantity nothing drawn is lost or repeated', () => {
    const seed = 99;
    const prng = new Prng(seed);
    for (let round = 0; round < 60; round += 1) {
      const { host } = rig('bursty', prng.uint32());
      let before = 0n;
      let consumedBefore = 0n;
      let terms = weight('dom', 'cpu.ns');
      let start = 0n;
      for (let i = 0; i < 12; i += 1) {
        const consumed = valueOf(host, 'dom', 0) - start;
        if (i === 0) start = valueOf(host, 'dom', 0);
        else before = expected(before, terms, consumedBefore, consumed);
        consumedBefore = i === 0 ? 0n : consumed;
        terms = weight('dom', 'cpu.ns', BigInt(prng.between(0, 9)), {
          denominator: BigInt(prng.between(1, 9)),
          free: BigInt(prng.between(0, 30_000_000)),
        });
        host.setAllowance(limit(1n << 80n, [terms]));
        host.run(host.nowNs + BigInt(prng.between(1, 9_000_000)));
        const drawn = host.allowances()[0]?.drawn;
        const want = expected(before, terms, consumedBefore, valueOf(host, 'dom', 0) - start);
        if (drawn !== want)
          throw new Error(`seed ${seed}, round ${round}, change ${i}: ${drawn}, not ${want}`);
      }
    }
  });

  test('A4 an act in flight when the terms change is given back to the item that holds it', () => {
    const { host, disk } = rig('disk');
    disk.immediate = false;
    const set = (price: bigint) =>
      host.setAllowance(
        limit(1n << 40n, [weight('vol', 'disk.write.bytes', price), weight('vol', 'disk.read.bytes', price)]),
      );
    set(1n);
    host.run(20n * MS);
    expect(set(3n)).toMatchObject({ value: { inFlight: 3n * 64n * 512n } });
    host.setAllowance(limit(1n << 40n, [weight('dom', 'cpu.ns')]));
    disk.answer(1);
    host.run(21n * MS);
    expect(host.allowances()[0]).toMatchObject({ inFlight: 0n });
    host.sample();
  });
});

/** Drawn after `consumed`, when `before` was drawn up to `consumedBefore` and `terms` are in force since. */
function expected(before: bigint, terms: AllowanceWeight, consumedBefore: bigint, consumed: bigint): bigint {
  const first = terms.free > consumedBefore ? terms.free : consumedBefore;
  const priced = consumed > first ? consumed - first : 0n;
  return before + (priced * terms.numerator + terms.denominator - 1n) / terms.denominator;
}
