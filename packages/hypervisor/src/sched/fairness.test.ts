import { describe, expect, test } from '@jest/globals';
import { Prng } from '../base/prng.js';
import { IMAGES } from '../guest/images.js';
import { type Demand, fairShares, hostOf, sharesOver, start } from './fair-shares.fixture.js';

/** Worst shortfall and worst excess of some domains against what they should get. */
function errorsOf(shares: Map<string, number>, ids: readonly string[], fair: readonly number[]) {
  const errors = ids.map((id, i) => (shares.get(id) as number) / (fair[i] as number) - 1);
  return { least: Math.min(...errors), most: Math.max(...errors) };
}

function drawn(prng: Prng, cap: () => number): Demand {
  return { weight: 64 * prng.between(1, 8), vcpus: prng.pick([1, 1, 1, 2, 3]), cap: cap() };
}

describe('fairness', () => {
  test.each([1, 2, 3, 4, 5, 6])(
    'S1 weights 1 to 8, random numbers of vCPUs and pCPUs: every share within 4 % (seed %i)',
    (seed) => {
      const prng = new Prng(seed);
      const pcpus = prng.between(1, 6);
      const demands = Array.from({ length: prng.between(pcpus + 1, 24) }, () => drawn(prng, () => 0));
      const host = hostOf(pcpus, seed);
      demands.forEach(({ weight, vcpus }, i) => start(host, `d${i}`, IMAGES.busy, { weight, vcpus }));
      sharesOver(host, 2);
      const errors = errorsOf(
        sharesOver(host, 40),
        demands.map((_, i) => `d${i}`),
        fairShares(pcpus, demands),
      );
      expect(errors.least).toBeGreaterThan(-0.04);
      expect(errors.most).toBeLessThan(0.04);
    },
  );

  test.each([11, 12, 13, 14, 15, 16, 17, 18, 19])(
    'S8 capped domains among random capped and greedy ones get the lesser of cap and fair share within 2 % (seed %i)',
    (seed) => {
      const prng = new Prng(seed);
      const pcpus = prng.between(1, 4);
      const demands = Array.from({ length: prng.between(pcpus + 1, 14) }, () =>
        drawn(prng, () => prng.pick([0, 0, 5, 10, 25, 40, 60, 90, 130])),
      );
      // Somebody can always use what caps leave.
      demands.push({ weight: 64 * prng.between(1, 8), vcpus: pcpus, cap: 0 });
      const host = hostOf(pcpus, seed);
      demands.forEach((options, i) => start(host, `d${i}`, IMAGES.busy, options));
      sharesOver(host, 3);
      const fair = fairShares(pcpus, demands);
      const spanS = 60;
      const shares = sharesOver(host, spanS);
      for (const [i, { cap, vcpus }] of demands.entries()) {
        const share = shares.get(`d${i}`) as number;
        // A turn is a slice: that much a share can be off at the end of any span.
        const turns = (vcpus * 0.03) / spanS;
        expect(share).toBeGreaterThan((fair[i] as number) * (cap > 0 ? 0.98 : 0.96) - turns);
        if (cap > 0) expect(share).toBeLessThan((cap / 100) * 1.02);
        else expect(share).toBeLessThan((fair[i] as number) * 1.04 + turns);
      }
    },
  );

  test.each([21, 22, 23, 24, 25, 26])(
    'S8 no mix of idle, bursty, tick-dodging and greedy neighbours takes from a share or a cap (seed %i)',
    (seed) => {
      const prng = new Prng(seed);
      const pcpus = prng.between(1, 4);
      const demands = Array.from({ length: prng.between(pcpus + 2, 14) }, () =>
        drawn(prng, () => prng.pick([0, 20, 50, 90])),
      );
      const host = hostOf(pcpus, seed);
      const images = demands.map((_, i) =>
        i < 3 ? IMAGES.busy : prng.pick([IMAGES.idle, IMAGES.bursty, IMAGES['tick-dodger'], IMAGES.greedy]),
      );
      demands.forEach((options, i) => start(host, `d${i}`, images[i], options));
      sharesOver(host, 3);
      const shares = sharesOver(host, 40);
      // Whatever the others do, each of the first three is entitled to what it would get if they had no caps.
      const greedy = demands.map((demand, i) => (i < 3 ? demand : { ...demand, cap: 0 }));
      const fair = fairShares(pcpus, greedy);
      for (const [i, { cap }] of demands.slice(0, 3).entries()) {
        const share = shares.get(`d${i}`) as number;
        expect(share).toBeGreaterThan((fair[i] as number) * (cap > 0 ? 0.98 : 0.96));
        if (cap > 0) expect(share).toBeLessThan((cap / 100) * 1.02);
      }
    },
  );

  test.each([
    [90, 1],
    [150, 2],
    [50, 1],
    [333, 4],
  ])(
    'S8 a cap of %i with %i vCPUs and a high weight is reached beside four greedy neighbours',
    (cap, vcpus) => {
      const host = hostOf(4);
      start(host, 'capped', IMAGES.busy, { cap, vcpus, weight: 2_560 });
      for (let i = 0; i < 4; i += 1) start(host, `n${i}`, IMAGES.busy, { weight: 64 });
      sharesOver(host, 1);
      const share = sharesOver(host, 30).get('capped') as number;
      expect(Math.abs(share / (cap / 100) - 1)).toBeLessThan(0.02);
    },
  );

  test('S8 an idle domain saves nothing: after a long sleep a capped one gets one period of budget at once', () => {
    const host = hostOf(1);
    start(
      host,
      'capped',
      {
        name: 'sleeper',
        boot: (info) => {
          let slept = false;
          return {
            run: () => {
              if (slept) return { workNs: SECOND_WORK, then: { do: 'continue' } };
              slept = true;
              return { workNs: 0n, then: { do: 'block', untilNs: info.systemTimeNs() + 5_000_000_000n } };
            },
          };
        },
      },
      { cap: 10 },
    );
    host.run(5_100_000_000n);
    const first = sharesOver(host, 1).get('capped') as number;
    expect(first).toBeLessThan(0.1 * 1.04);
  });

  test('S3 over any n periods a capped domain executes at most n + 17 budgets, whatever its neighbours do', () => {
    const host = hostOf(2, 31);
    start(host, 'capped', IMAGES.busy, { cap: 40, vcpus: 3 });
    for (let i = 0; i < 5; i += 1) start(host, `n${i}`, IMAGES.bursty, { vcpus: 2 });
    const usedNs: number[] = [0];
    for (let period = 1; period <= 1_000; period += 1) {
      host.run(BigInt(period) * 30_000_000n);
      usedNs.push(Number(host.sample().readings.find((r) => r.resourceId === 'capped')?.values[0]));
    }
    let lead = 0;
    let worst = 0;
    for (let i = 1; i < usedNs.length; i += 1) {
      lead = Math.max(0, lead + (usedNs[i] as number) - (usedNs[i - 1] as number) - 12_000_000);
      worst = Math.max(worst, lead);
    }
    expect(worst).toBeLessThanOrEqual(17 * 12_000_000);
    expect(usedNs.at(-1) as number).toBeGreaterThan(1_000 * 12_000_000 * 0.98);
  });

  test('S1 128 busy domains together lose at most 3 % of what one alone gets', () => {
    const work = (domains: number) => {
      const host = hostOf(1);
      for (let i = 0; i < domains; i += 1) start(host, `d${i}`, IMAGES.busy);
      sharesOver(host, 1);
      return [...sharesOver(host, 20).values()].reduce((sum, one) => sum + one, 0);
    };
    expect(work(128) / work(1)).toBeGreaterThan(0.97);
  });
});

const SECOND_WORK = 1_000_000_000n;
