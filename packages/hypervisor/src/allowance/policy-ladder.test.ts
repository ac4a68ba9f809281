import { describe, expect, test } from '@jest/globals';
import type { AllowanceSpec, AllowanceStep, AllowanceWeight } from './allowance-spec.js';
import { ALLOWANCE_STEP_NS } from './allowances.js';
import { Prng } from '../base/prng.js';
import { ceilDiv, minOf } from '../base/bigint-math.js';
import { IMAGES, type ImageName } from '../guest/images.js';
import type { Meter } from '../meter/vector.js';
import { diskHammer } from '../host/disk-hammer.fixture.js';
import type { Host } from '../host/host.js';
import { weight } from './weight.fixture.js';
import { createMemoryHost } from '../host/memory-devices.js';

const MS = 1_000_000n;

function rig(pcpus = 2, seed = 3) {
  const made = createMemoryHost({ pcpus, frames: 1 << 16, xenFrames: 256, seed });
  const add = (id: string, image: ImageName | 'disk' = 'busy', vcpus = 1): number => {
    made.host.openVolume({ id: `${id}-vol`, sizeBytes: 1n << 20n });
    const built = made.host.createDomain({
      name: id,
      id,
      vcpus,
      memoryFrames: 100,
      volumes: [{ volumeId: `${id}-vol` }],
      image: image === 'disk' ? diskHammer : IMAGES[image],
    });
    if (!built.ok) throw new Error(built.detail);
    made.host.unpause(built.value);
    return built.value;
  };
  return { ...made, add };
}

const infoOf = (host: Host, id: string) => host.list().find((d) => d.id === id);
const drawnOf = (host: Host, id: string) => host.allowances().find((a) => a.id === id)?.drawn as bigint;
const eventsOf = (host: Host) => host.drainEvents().filter((e) => e.type.startsWith('allowance.'));

function ladder(
  steps: AllowanceStep[],
  weights: AllowanceWeight[],
  more: Partial<AllowanceSpec> = {},
): AllowanceSpec {
  return { id: 'limit', members: ['a'], balance: steps.at(-1)?.at ?? 0n, weights, steps, ...more };
}

describe('the policy ladder', () => {
  test('A2 each step is reached once, in order, told apart, and acts at once: warn, throttle, throttle harder, pause', () => {
    const { host, add } = rig();
    add('a');
    host.setAllowance(
      ladder(
        [
          { at: 5n * MS, act: 'warn' },
          { at: 10n * MS, act: 'throttle', capPercent: 50 },
          { at: 40n * MS, act: 'throttle', capPercent: 20 },
          { at: 60n * MS, act: 'pause' },
        ],
        [weight('a', 'cpu.ns')],
      ),
    );
    const caps = new Set<number | undefined>();
    for (let at = 1n; at <= 600n; at += 1n) {
      host.run(at * MS);
      caps.add(infoOf(host, 'a')?.effectiveCap);
    }
    expect([...caps]).toEqual([0, 50, 20]);
    const told = eventsOf(host).map((e) => [e.type, 'capPercent' in e ? e.capPercent : null]);
    expect(told).toEqual([
      ['allowance.warned', null],
      ['allowance.throttled', 50],
      ['allowance.throttled', 20],
      ['allowance.exhausted', null],
    ]);
    expect(infoOf(host, 'a')?.holds).toEqual(['allowance']);
    expect(host.allowances()[0]).toMatchObject({ state: 'exhausted', policy: 'pause', stepsReached: 4 });
    expect(drawnOf(host, 'limit')).toBeLessThanOrEqual(60n * MS + ALLOWANCE_STEP_NS + 1n);
  });

  test('A2 a ladder that is raised takes its steps back, and is told again when they are reached again', () => {
    const { host, add } = rig();
    add('a');
    const steps = (unit: bigint): AllowanceStep[] => [
      { at: 5n * unit, act: 'warn' },
      { at: 10n * unit, act: 'throttle', capPercent: 30 },
      { at: 1000n * unit, act: 'pause' },
    ];
    host.setAllowance(ladder(steps(MS), [weight('a', 'cpu.ns')]));
    host.run(30n * MS);
    expect(infoOf(host, 'a')?.effectiveCap).toBe(30);
    host.drainEvents();
    host.setAllowance(ladder(steps(100n * MS), [weight('a', 'cpu.ns')]));
    expect(infoOf(host, 'a')?.effectiveCap).toBe(0);
    expect(eventsOf(host).map((e) => e.type)).toEqual(['allowance.resumed']);
    host.run(5_000n * MS);
    expect(eventsOf(host).map((e) => e.type)).toEqual(['allowance.warned', 'allowance.throttled']);
  });

  test('A8 a ladder that makes no sense is refused whole, naming the field', () => {
    const { host } = rig();
    const bad: [Partial<AllowanceSpec>, string][] = [
      [{ steps: [] }, 'steps: 1 to 16'],
      [{ steps: [{ at: 5n, act: 'pause' }], balance: 6n }, 'the last is at the balance (6), got 5'],
      [
        {
          steps: [
            { at: 5n, act: 'warn' },
            { at: 5n, act: 'pause' },
          ],
          balance: 5n,
        },
        'steps[1].at: more than 5',
      ],
      [
        {
          steps: [
            { at: 1n, act: 'pause' },
            { at: 5n, act: 'warn' },
          ],
          balance: 5n,
        },
        'nothing follows a pause',
      ],
      [
        { steps: [{ at: 5n, act: 'throttle', capPercent: 0 }], balance: 5n },
        'steps[0].capPercent: 1 to 100, got 0',
      ],
      [{ steps: [{ at: 5n, act: 'kill' as never }], balance: 5n }, 'steps[0].act'],
      [{ steps: [{ at: 5n, act: 'warn' }], balance: 5n, policy: 'pause' }, 'not together with policy'],
      [{ renewal: { nextNs: 0n, everyNs: null }, policy: 'pause' }, 'renewal.nextNs: after 0, got 0'],
      [{ renewal: { nextNs: 1n, everyNs: 999_999n }, policy: 'pause' }, 'renewal.everyNs: at least 1000000'],
      [{}, 'policy: warn, throttle or pause, got undefined'],
    ];
    for (const [change, detail] of bad) {
      const refused = host.setAllowance({ id: 'x', members: [], balance: 1n, weights: [], ...change });
      expect(refused).toMatchObject({ ok: false, errno: 'EINVAL' });
      expect(refused.ok ? '' : refused.detail).toContain(detail);
    }
    expect(host.allowances()).toEqual([]);
  });

  test('A12 of several allowances of a domain the strictest wins, and each is reported apart', () => {
    const { host, add } = rig();
    add('a');
    add('b');
    const cpu = [weight('a', 'cpu.ns'), weight('b', 'cpu.ns')];
    const both = { members: ['a', 'b'] };
    host.setAllowance(
      ladder([{ at: 10n * MS, act: 'throttle', capPercent: 40 }], cpu, { id: 'tenant', ...both }),
    );
    host.setAllowance(
      ladder([{ at: 10n * MS, act: 'throttle', capPercent: 25 }], [cpu[0] as AllowanceWeight], { id: 'one' }),
    );
    host.setAllowance(ladder([{ at: 60n * MS, act: 'pause' }], [cpu[0] as AllowanceWeight], { id: 'end' }));
    host.run(30n * MS);
    expect(infoOf(host, 'a')?.effectiveCap).toBe(25);
    expect(infoOf(host, 'b')?.effectiveCap).toBe(40);
    host.run(500n * MS);
    expect(infoOf(host, 'a')?.power).toBe('paused');
    expect(infoOf(host, 'b')?.power).toBe('running');
    expect(host.allowances().map((a) => [a.id, a.state])).toEqual([
      ['tenant', 'exhausted'],
      ['one', 'exhausted'],
      ['end', 'exhausted'],
    ]);
    host.removeAllowance('end');
    host.removeAllowance('one');
    expect(infoOf(host, 'a')).toMatchObject({ power: 'running', effectiveCap: 40 });
    host.sample();
  });

  test('A9 several pCPUs and work on behalf drain one allowance together, which stops them within the bound', () => {
    const { host, add, disk } = rig(4);
    disk.immediate = true;
    add('a', 'disk', 1);
    add('b', 'busy', 4);
    add('c', 'greedy', 4);
    const ids = ['a', 'b', 'c'];
    const weights = ids.flatMap((id) => [weight(id, 'cpu.ns', 3n), weight(id, 'cpu.onbehalf.ns', 5n)]);
    const balance = 7_000n * MS;
    host.setAllowance({ id: 'limit', members: ids, balance, weights, policy: 'pause' });
    host.run(2_000n * MS);
    const exhausted = host.drainEvents().find((e) => e.type === 'allowance.exhausted');
    const overshoot = exhausted?.type === 'allowance.exhausted' ? exhausted.drawn - balance : -1n;
    expect(overshoot).toBeGreaterThanOrEqual(0n);
    // All pCPUs together, whatever the number of vCPUs: 4 at 3, and 2 driver vCPUs at 5.
    expect(overshoot).toBeLessThanOrEqual(ALLOWANCE_STEP_NS * (4n * 3n + 2n * 5n) + 6n);
    const onBehalf = host
      .sample()
      .readings.filter((r) => r.kind === 'domain')
      .map((r) => r.values[1] as bigint);
    expect(onBehalf.reduce((sum, ns) => sum + ns, 0n)).toBeGreaterThan(100_000n);
    for (const id of ids) expect(infoOf(host, id)?.power).toBe('paused');
  });

  test('A9 the overshoot of every step stays within its bound in random mixes, and comes near it', () => {
    const seed = 20261122;
    const prng = new Prng(seed);
    const worst = { throttle: 0n, pause: 0n };
    const reached = { throttle: 0, pause: 0 };
    for (let round = 0; round < 120; round += 1) {
      const pcpus = prng.between(1, 4);
      const { host, add } = rig(pcpus, prng.uint32());
      const ids = ['a', 'b', 'c'].slice(0, prng.between(1, 3));
      const vcpus = ids.map(() => prng.between(1, 3));
      ids.forEach((id, i) =>
        add(id, prng.pick(['busy', 'bursty', 'disk', 'greedy', 'tick-dodger'] as const), vcpus[i]),
      );
      const price = () => ({
        numerator: BigInt(prng.between(1, 1000)),
        denominator: BigInt(prng.between(1, 1000)),
        free: prng.below(3) === 0 ? BigInt(prng.between(1, 20_000_000)) : 0n,
      });
      const weights = ids.flatMap((id) => [
        weight(id, 'cpu.ns', 1n, price()),
        weight(id, 'cpu.onbehalf.ns', 1n, price()),
        weight(id, 'memory.frame_ns', 1n, { ...price(), denominator: BigInt(prng.between(100, 100_000)) }),
        weight(`${id}-vol`, 'disk.space.byte_ns', 1n, { numerator: 1n, denominator: 10_000_000n }),
        weight(`${id}-vol`, 'disk.write.bytes', 1n, price()),
      ]);
      const first = BigInt(prng.between(1, 40_000_000));
      const steps: AllowanceStep[] = [
        { at: first, act: 'throttle', capPercent: prng.between(20, 90) },
        { at: first + BigInt(prng.between(1, 20_000_000)), act: 'pause' },
      ];
      host.setAllowance(ladder(steps, weights, { members: ids }));
      // What time can draw in one step of time, and one unit of rounding for each weight.
      const most = (meter: Meter, rates: bigint[], all: bigint | null): bigint => {
        const of = weights.filter((w) => w.meter === meter);
        const each = of.reduce(
          (sum, w, i) => sum + ceilDiv(ALLOWANCE_STEP_NS * (rates[i] as bigint) * w.numerator, w.denominator),
          0n,
        );
        if (all === null) return each;
        let together = 0n;
        for (const w of of) {
          const alone = ceilDiv(ALLOWANCE_STEP_NS * all * w.numerator, w.denominator);
          if (alone > together) together = alone;
        }
        return minOf(each, together);
      };
      const cpus = BigInt(pcpus);
      const bound =
        most(
          'cpu.ns',
          vcpus.map((n) => minOf(BigInt(n), cpus)),
          cpus,
        ) +
        most(
          'cpu.onbehalf.ns',
          ids.map(() => minOf(2n, cpus)),
          minOf(2n, cpus),
        ) +
        most(
          'memory.frame_ns',
          ids.map(() => 100n),
          null,
        ) +
        most(
          'disk.space.byte_ns',
          ids.map(() => 1n << 20n),
          null,
        ) +
        BigInt(weights.length);
      // A step that only throttles lets acts through: those of one step of time count beside.
      const acts = 2n * 88n * 512n * 10n;
      const actsBound = weights
        .filter((w) => w.meter === 'disk.write.bytes')
        .reduce((sum, w) => sum + ceilDiv(acts * w.numerator, w.denominator), 0n);
      host.run(BigInt(prng.between(1, 2_000)) * MS);
      for (const e of host.drainEvents()) {
        if (e.type !== 'allowance.exhausted' && e.type !== 'allowance.throttled') continue;
        const kind = e.type === 'allowance.exhausted' ? 'pause' : 'throttle';
        const over = e.drawn - (e.type === 'allowance.exhausted' ? e.balance : e.at);
        const limit = kind === 'pause' ? bound : bound + actsBound;
        if (over > limit)
          throw new Error(`seed ${seed}, round ${round}: ${kind} overshoot ${over} over ${limit}`);
        reached[kind] += 1;
        const percent = (over * 100n) / bound;
        if (percent > worst[kind] && over <= bound) worst[kind] = percent;
      }
      host.sample();
    }
    console.info(`A9, seed ${seed}: worst overshoot in % of the bound`, worst, 'steps reached', reached);
    // A bound that is never approached, or hardly ever tried, would show nothing.
    expect(reached.pause).toBeGreaterThan(60);
    expect(reached.throttle).toBeGreaterThan(80);
    expect(worst.pause).toBeGreaterThan(20n);
    expect(worst.throttle).toBeGreaterThan(20n);
  });
});
