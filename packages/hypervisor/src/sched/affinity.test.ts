import { describe, expect, test } from '@jest/globals';
import { Prng } from '../base/prng.js';
import { IMAGES } from '../guest/images.js';
import { hostOf, sharesOver, start } from './fair-shares.fixture.js';

/** Own time of each pCPU over a span, as a part of it. */
function busyOver(host: ReturnType<typeof hostOf>, spanS: number): number[] {
  const ownNs = () => host.sample().balance.pcpus.map((p) => p.ownNs);
  const before = ownNs();
  host.run(host.nowNs + BigInt(spanS) * 1_000_000_000n);
  return ownNs().map((own, i) => Number(own - (before[i] as bigint)) / (spanS * 1e9));
}

describe('affinity', () => {
  test('S9 hard affinity must be kept: two busy domains bound to pCPU 1 leave the others idle', () => {
    const host = hostOf(4);
    start(host, 'a', IMAGES.busy, { cpus: [1] });
    start(host, 'b', IMAGES.busy, { cpus: [1] });
    const busy = busyOver(host, 5);
    expect([busy[0], busy[2], busy[3]]).toEqual([0, 0, 0]);
    expect(busy[1]).toBeGreaterThan(0.99);
  });

  test('S9 beside bound domains an unbound one takes what is left, and each gets its share', () => {
    const host = hostOf(2);
    for (const id of ['a', 'b', 'c', 'd']) start(host, id, IMAGES.busy, { cpus: [1] });
    start(host, 'free', IMAGES.busy);
    sharesOver(host, 1);
    const shares = sharesOver(host, 20);
    expect(shares.get('free')).toBeGreaterThan(0.99);
    for (const id of ['a', 'b', 'c', 'd'])
      expect(Math.abs((shares.get(id) as number) / 0.25 - 1)).toBeLessThan(0.04);
  });

  test('S9 weights hold among those bound to one pCPU while another pCPU is fought for by others', () => {
    const host = hostOf(2);
    for (let i = 1; i <= 6; i += 1) start(host, `p${i}`, IMAGES.busy, { cpus: [0], weight: 100 * i });
    for (let i = 1; i <= 2; i += 1) start(host, `q${i}`, IMAGES.busy, { cpus: [1], weight: 100 * i });
    sharesOver(host, 2);
    const shares = sharesOver(host, 60);
    for (let i = 1; i <= 6; i += 1)
      expect(Math.abs((shares.get(`p${i}`) as number) / (i / 21) - 1)).toBeLessThan(0.04);
    for (let i = 1; i <= 2; i += 1)
      expect(Math.abs((shares.get(`q${i}`) as number) / (i / 3) - 1)).toBeLessThan(0.04);
  });

  test('S9 one that comes later to a crowded pCPU is neither starved nor preferred for long', () => {
    const host = hostOf(2);
    for (let i = 0; i < 4; i += 1) start(host, `p${i}`, IMAGES.busy, { cpus: [0] });
    start(host, 'q', IMAGES.busy);
    host.run(300_000_000_000n);
    start(host, 'late', IMAGES.busy, { cpus: [0] });
    const shares = sharesOver(host, 5);
    for (const id of ['p0', 'p1', 'p2', 'p3', 'late'])
      expect(Math.abs((shares.get(id) as number) / 0.2 - 1)).toBeLessThan(0.1);
    // The others go, and the ones that had little for five minutes get no more than their share from now on.
    for (const { domId, id } of host.list()) if (['p0', 'p1', 'late'].includes(id)) host.destroyDomain(domId);
    for (const id of ['x', 'y']) start(host, id, IMAGES.busy);
    sharesOver(host, 1);
    const later = sharesOver(host, 10);
    for (const id of ['p2', 'p3', 'q', 'x', 'y'])
      expect(Math.abs((later.get(id) as number) / 0.4 - 1)).toBeLessThan(0.1);
  });

  test('S9 soft affinity is preferred while there is room, and is no wall when there is not', () => {
    const host = hostOf(4);
    for (const id of ['a', 'b']) start(host, id, IMAGES.busy, { cpusSoft: [2, 3] });
    // Building them occupied pCPUs for a moment.
    sharesOver(host, 1);
    expect(busyOver(host, 2).map((one) => Math.round(one * 100) / 100)).toEqual([0, 0, 1, 1]);
    for (const id of ['c', 'd']) start(host, id, IMAGES.busy, { cpusSoft: [2, 3] });
    for (const busy of busyOver(host, 2)) expect(busy).toBeGreaterThan(0.99);
  });

  test('S9 one that runs elsewhere goes to a preferred pCPU when that gets free, at the end of its slice', () => {
    const host = hostOf(2);
    const blocker = start(host, 'blocker', IMAGES.busy, { cpus: [1] });
    start(host, 'a', IMAGES.busy, { cpusSoft: [1] });
    expect(busyOver(host, 1)[0]).toBeGreaterThan(0.97);
    host.pause(blocker, 'tenant');
    sharesOver(host, 1);
    expect(busyOver(host, 1)).toEqual([0, 1]);
  });

  test('S9 affinity changes take effect at once, running or not, and refusals name the field', () => {
    const host = hostOf(3);
    const domId = start(host, 'a', IMAGES.busy, { vcpus: 2 });
    sharesOver(host, 1);
    expect(host.setAffinity(domId, 'all', [2]).ok).toBe(true);
    expect(busyOver(host, 1).map((one) => Math.round(one * 100) / 100)).toEqual([0, 0, 1]);
    expect(host.setAffinity(domId, 0, [0], [0, 1]).ok).toBe(true);
    expect(host.affinityOf(domId)).toEqual({
      ok: true,
      value: [
        { hard: [0], soft: [0] },
        { hard: [2], soft: [2] },
      ],
    });
    expect(busyOver(host, 1).map((one) => Math.round(one * 100) / 100)).toEqual([1, 0, 1]);
    for (const [vcpu, hard, soft, field] of [
      [0, [], undefined, 'hard'],
      [0, [3], undefined, 'hard'],
      [0, [0.5], undefined, 'hard'],
      [0, [0], [-1], 'soft'],
      [7, [0], undefined, 'vcpu'],
    ] as const) {
      const answer = host.setAffinity(domId, vcpu, hard, soft);
      expect(answer).toMatchObject({ ok: false, errno: 'EINVAL' });
      expect((answer as { detail: string }).detail).toContain(field);
    }
    expect(host.setAffinity(99, 0, [0])).toMatchObject({ ok: false, errno: 'ESRCH' });
    const config = { name: 'b', id: 'b', vcpus: 1, memoryFrames: 1, image: IMAGES.busy };
    expect(host.createDomain({ ...config, cpus: [9] })).toMatchObject({ ok: false, errno: 'EINVAL' });
  });

  test.each([1, 2, 3, 4, 5, 6])(
    'S5 under random affinities that change, nobody executes where it may not and no allowed pCPU idles (seed %i)',
    (seed) => {
      const prng = new Prng(seed);
      const pcpus = prng.between(2, 5);
      const host = hostOf(pcpus, seed);
      const anySet = () => {
        const set = Array.from({ length: pcpus }, (_, i) => i).filter(() => prng.below(2) === 0);
        return set.length > 0 ? set : [prng.below(pcpus)];
      };
      const hard = new Map<string, number[]>();
      const ids: { domId: number; id: string }[] = [];
      for (let i = 0; i < 6; i += 1) {
        hard.set(`d${i}`, anySet());
        const image = prng.pick([IMAGES.busy, IMAGES.busy, IMAGES.bursty]);
        ids.push({
          id: `d${i}`,
          domId: start(host, `d${i}`, image, { cpus: hard.get(`d${i}`) as number[], cpusSoft: anySet() }),
        });
      }
      for (let round = 0; round < 40; round += 1) {
        const changed = prng.pick(ids);
        hard.set(changed.id, anySet());
        host.setAffinity(changed.domId, 'all', hard.get(changed.id) as number[], anySet());
        host.lose(host.nowNs + BigInt(prng.below(2_000_000)));
        const before = host.sample().balance.pcpus;
        host.run(host.nowNs + 200_000_000n);
        const after = host.sample().balance.pcpus;
        for (let p = 0; p < pcpus; p += 1) {
          const allowed = ids.some(({ id }) => hard.get(id)?.includes(p));
          const own = (after[p]?.ownNs as bigint) - (before[p]?.ownNs as bigint);
          if (!allowed) expect(own).toBe(0n);
        }
      }
    },
  );
});
