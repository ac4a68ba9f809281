import { describe, expect, test } from '@jest/globals';
import { QUARTER_HOUR_NS } from '../base/period.js';
import { prng, testSeed } from '../base/prng.fixture.js';
import type { Cut } from './usage-record.js';
import { foldCuts, liveTail, recordsOfPeriod, telescope, unmeteredTail } from './usage-record.js';

const SEED = testSeed(process.env['XENORACK_TEST_SEED'], 41n);
const incarnation = { incarnationId: 'i1', resourceId: 'd1', meters: ['cpu.ns', 'memory.frame_ns'] };

function cut(seq: bigint, quarter: bigint, values: readonly bigint[], more: Partial<Cut> = {}): Cut {
  const utcNs = quarter * QUARTER_HOUR_NS;
  return {
    seq,
    hostNs: utcNs,
    utcNs,
    kind: 'cut',
    reason: 'quarter-hour',
    state: 'running',
    values,
    ...more,
  };
}

function records(cuts: readonly Cut[]) {
  const folded = foldCuts(incarnation, cuts);
  if (!folded.ok) throw new Error(folded.error.message);
  return folded.value;
}

describe('cuts to usage records', () => {
  test('A3: usage is the difference of neighbouring cuts in the state of the first; what did not move leaves no record', () => {
    const found = records([
      cut(0n, 0n, [0n, 0n], { kind: 'open', reason: 'open' }),
      cut(9n, 1n, [5n, 100n], { state: 'paused', reason: 'state' }),
      cut(14n, 2n, [5n, 180n], { kind: 'close', reason: 'close' }),
    ]);
    expect(
      found.map(({ meter, state, quantity, fromSeq, toSeq }) => [meter, state, quantity, fromSeq, toSeq]),
    ).toEqual([
      ['cpu.ns', 'running', 5n, 0n, 9n],
      ['memory.frame_ns', 'running', 100n, 0n, 9n],
      ['memory.frame_ns', 'paused', 80n, 9n, 14n],
    ]);
    expect(found.some((record) => record.uncut || record.provisional)).toBe(false);
  });

  test('A3: a span over a missed quarter hour stays undivided, is flagged and belongs to the window of its start', () => {
    const found = records([cut(0n, 3n, [0n, 0n], { kind: 'open', reason: 'open' }), cut(5n, 6n, [9n, 0n])]);
    expect(found).toHaveLength(1);
    expect(found[0]?.uncut).toBe(true);
    const before = { fromNs: 0n, toNs: 4n * QUARTER_HOUR_NS };
    const after = { fromNs: 4n * QUARTER_HOUR_NS, toNs: 8n * QUARTER_HOUR_NS };
    expect(recordsOfPeriod(found, before)).toHaveLength(1);
    expect(recordsOfPeriod(found, after)).toHaveLength(0);
  });

  test('A3: a cut exactly on the border of two periods gives each its own side', () => {
    const found = records([cut(0n, 3n, [0n, 0n]), cut(1n, 4n, [7n, 0n]), cut(2n, 5n, [19n, 0n])]);
    const border = 4n * QUARTER_HOUR_NS;
    expect(recordsOfPeriod(found, { fromNs: 0n, toNs: border }).map((record) => record.quantity)).toEqual([
      7n,
    ]);
    expect(
      recordsOfPeriod(found, { fromNs: border, toNs: 2n * border }).map((record) => record.quantity),
    ).toEqual([12n]);
  });

  test('A2: cuts that fall, repeat, shrink or follow a close are refused with the cut named', () => {
    const open = cut(0n, 0n, [0n, 5n], { kind: 'open', reason: 'open' });
    const bad = [
      [open, cut(1n, 1n, [0n, 4n])],
      [open, cut(0n, 1n, [1n, 6n])],
      [open, cut(1n, 1n, [1n])],
      [{ ...open, kind: 'close' as const }, cut(1n, 1n, [1n, 6n])],
    ];
    for (const cuts of bad) {
      const folded = foldCuts(incarnation, cuts);
      expect(folded.ok ? 'accepted' : folded.error.code).toBe('cuts_invalid');
    }
  });

  test('A3: the live tail is provisional and is exactly what the next cut would add', () => {
    const last = cut(4n, 1n, [10n, 10n]);
    const tail = liveTail(incarnation, last, { seq: 6n, utcNs: last.utcNs + 5n, values: [17n, 10n] });
    expect(tail.ok && tail.value.map((record) => [record.quantity, record.provisional])).toEqual([
      [7n, true],
    ]);
    const none = liveTail(incarnation, last, { seq: 4n, utcNs: last.utcNs, values: [10n, 10n] });
    expect(none.ok && none.value).toEqual([]);
  });

  test(`A3: pages of a life, shuffled, telescope to the difference of its outer cuts (seed ${SEED})`, () => {
    for (let run = 0n; run < 100n; run += 1n) {
      const random = prng(SEED * 7_919n + run);
      let values = [0n, 0n];
      const cuts = Array.from({ length: 30 }, (_, index) => {
        if (index > 0) values = values.map((value) => value + 1n + random.below(100n));
        return cut(BigInt(index * 3), BigInt(index), values);
      });
      const page = 1 + Number(random.below(28n));
      const pages = random.shuffle([...records(cuts.slice(0, page + 1)), ...records(cuts.slice(page))]);
      const spans = telescope(pages);
      expect(spans.map((span) => [span.fromSeq, span.toSeq, span.quantity])).toEqual([
        [0n, 87n, values[0]],
        [0n, 87n, values[1]],
      ]);
    }
  });

  test('A4: the tail of a lost host is unmetered from the last durable reading to the end', () => {
    expect(unmeteredTail(incarnation, 5n, 9n)).toEqual({
      incarnationId: 'i1',
      resourceId: 'd1',
      fromNs: 5n,
      toNs: 9n,
    });
    expect(unmeteredTail(incarnation, 9n, 9n)).toBeUndefined();
  });
});
