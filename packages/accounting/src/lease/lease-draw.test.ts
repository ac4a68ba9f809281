import { describe, expect, test } from '@jest/globals';
import { prng, testSeed } from '../base/prng.fixture.js';
import { compareRatio, ratio } from '../base/ratio.js';
import { authorise, capOvershootBoundPico, lowerAuthorised, maximumRatePerHourPico } from './authorise.js';
import type { AuthoriseInput } from './authorise.js';
import type { LeaseItem } from './lease-draw.js';
import { drawnPico, exactDrawnPico, quantityThatFits } from './lease-draw.js';

const SEED = testSeed(process.env['XENORACK_TEST_SEED'], 71n);
const item = (freeQuantity: bigint, priceNum: bigint, priceDen: bigint): LeaseItem => ({
  resourceId: 'd1',
  planVersionId: 'v1',
  meter: 'cpu.ns',
  state: 'running',
  freeQuantity,
  priceNum,
  priceDen,
});

describe('drawing on a lease', () => {
  test('C3: the slice is free, then every item is rounded up by itself', () => {
    const items = [item(10n, 1n, 3n), item(0n, 5n, 2n)];
    expect(drawnPico(items, [10n, 0n])).toBe(0n);
    expect(drawnPico(items, [11n, 1n])).toBe(1n + 3n);
    expect(compareRatio(exactDrawnPico(items, [11n, 1n]), ratio(17n, 6n))).toBe(0);
  });

  test(`C3: what fits is the most that fits, and the exact draw is never above the host's (seed ${SEED})`, () => {
    const random = prng(SEED);
    for (let run = 0; run < 3_000; run += 1) {
      const one = item(random.below(50n), 1n + random.below(90n), 1n + random.below(90n));
      const consumed = random.below(200n);
      const amount = random.below(500n);
      const before = drawnPico([one], [consumed]);
      const fits = quantityThatFits(one, consumed, amount) ?? 0n;
      expect(drawnPico([one], [consumed + fits]) <= before + amount).toBe(true);
      expect(drawnPico([one], [consumed + fits + 1n]) > before + amount).toBe(true);
      expect(compareRatio(exactDrawnPico([one], [consumed]), ratio(before)) <= 0).toBe(true);
    }
    expect(quantityThatFits(item(0n, 0n, 1n), 5n, 0n)).toBeNull();
  });
});

describe('authorising', () => {
  const series = { seriesId: 's', items: [item(0n, 1n, 1n)], authorisedPico: 100n, settled: [60n] };
  const input: AuthoriseInput = {
    capPico: 10_000n,
    ratedPico: 60n,
    outstandingPico: 1_000n,
    fixedPico: 200n,
    landingReservePico: 740n,
    ratePerHourPico: 9_000n,
    minimumPico: 50n,
    series,
  };

  test('C4: half of what remains, but at most one hour at the maximum rate', () => {
    expect(authorise(input)).toEqual({ authorisedPico: 60n + 4_000n, remainingPico: 8_000n, raised: true });
    expect(authorise({ ...input, ratePerHourPico: 300n }).authorisedPico).toBe(360n);
  });

  test('C4: the last cents are handed out whole, and nothing is when nothing is left', () => {
    expect(authorise({ ...input, capPico: 2_099n }).authorisedPico).toBe(60n + 99n);
    expect(authorise({ ...input, capPico: 2_100n }).authorisedPico).toBe(60n + 100n);
    expect(authorise({ ...input, capPico: 2_000n })).toEqual({
      authorisedPico: 100n,
      remainingPico: 0n,
      raised: false,
    });
    expect(authorise({ ...input, capPico: 0n }).authorisedPico).toBe(100n);
  });

  test('C4: a total only falls after the host confirmed, and never below what it drew', () => {
    expect(lowerAuthorised(series, 10n, 70n)).toBe(70n);
    expect(lowerAuthorised(series, 80n, 70n)).toBe(80n);
    expect(lowerAuthorised(series, 500n, 70n)).toBe(100n);
  });

  test('C4: the maximum rate adds up what may run at once', () => {
    expect(
      maximumRatePerHourPico([
        { priceNum: 1n, priceDen: 3n, quantityPerHour: 10n },
        { priceNum: 2n, priceDen: 1n, quantityPerHour: 4n },
      ]),
    ).toBe(12n);
  });

  test('C3-I2: overshoot is at most a tick of all running vcpus plus the I/O in flight', () => {
    const bound = capOvershootBoundPico({
      tickNs: 1_000_000n,
      runningVcpus: 4n,
      pricePerVcpuNsPico: ratio(1n, 600n),
      inFlight: [{ quantity: 65_536n, pricePico: ratio(1n, 2n) }],
    });
    expect(bound).toBe(6_667n + 32_768n);
  });
});
