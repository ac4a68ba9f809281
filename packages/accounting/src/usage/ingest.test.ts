import { describe, expect, test } from '@jest/globals';
import { prng, testSeed } from '../base/prng.fixture.js';
import { decideBatch, decideIngest } from './ingest.js';
import type { Head, Reading } from './reading.js';

const SEED = testSeed(process.env['XENORACK_TEST_SEED'], 31n);

function chain(length: number, closed = false): Reading[] {
  return Array.from({ length }, (_, seq): Reading => {
    const last = closed && seq === length - 1;
    return {
      incarnationId: 'host-1/1/7',
      seq: BigInt(seq),
      hostNs: BigInt(seq) * 1_000_000_000n,
      utcNs: BigInt(seq) * 1_000_000_000n,
      kind: seq === 0 ? 'open' : last ? 'close' : 'inner',
      values: [BigInt(seq) * 10n, BigInt(seq) * 3n],
      hash: `hash-${seq}`,
      prevHash: seq === 0 ? '' : `hash-${seq - 1}`,
    };
  });
}

const head: Head = { seq: 3n, hash: 'hash-3', values: [30n, 9n], closed: false };
const next = chain(6)[4] as Reading;
const ask = (reading: Reading, at: Head | null = head) =>
  decideIngest({
    head: at,
    reading,
    vectorLength: 2,
    storedHash: (seq) => (seq === 1n ? 'hash-1' : undefined),
  });

describe('ingest', () => {
  test('A4: head + 1 is accepted and becomes the head', () => {
    expect(ask(next)).toEqual({
      kind: 'accept',
      head: { seq: 4n, hash: 'hash-4', values: [40n, 12n], closed: false },
    });
  });

  test('A4: at or below the head an equal hash is a duplicate and another hash a conflict', () => {
    const [, one, two, three] = chain(4) as [Reading, Reading, Reading, Reading];
    expect(ask(three)).toEqual({ kind: 'duplicate', verified: true });
    expect(ask({ ...three, hash: 'forged' })).toEqual({ kind: 'conflict', storedHash: 'hash-3' });
    expect(ask({ ...one, hash: 'forged' })).toEqual({ kind: 'conflict', storedHash: 'hash-1' });
    expect(ask(two)).toEqual({ kind: 'duplicate', verified: false });
  });

  test('A4: a later reading waits and names what is missing', () => {
    expect(ask(chain(6)[5] as Reading)).toEqual({ kind: 'gap', expectedSeq: 4n });
    expect(ask(next, null)).toEqual({ kind: 'gap', expectedSeq: 0n });
  });

  test('A2: a counter that falls is an alarm that names the counter', () => {
    expect(ask({ ...next, values: [40n, 8n] })).toEqual({
      kind: 'counter-fell',
      index: 1,
      before: 9n,
      after: 8n,
    });
  });

  test('E1: a broken chain is refused', () => {
    expect(ask({ ...next, prevHash: 'other' })).toEqual({ kind: 'bad-chain', expectedPrevHash: 'hash-3' });
  });

  test('A4: nothing follows a closing reading, and its repeat is a duplicate', () => {
    const closed = { ...head, closed: true };
    expect(ask(next, closed)).toEqual({ kind: 'closed', closedSeq: 3n });
    expect(ask({ ...(chain(4)[3] as Reading), kind: 'close' }, closed)).toEqual({
      kind: 'duplicate',
      verified: true,
    });
  });

  test.each([
    ['a short vector', { values: [1n] }],
    ['a negative counter', { values: [1n, -1n] }],
    ['a counter wider than its column', { values: [10n ** 39n, 1n] }],
    ['kind open in the middle', { kind: 'open' as const }],
    ['an empty hash', { hash: '' }],
    ['a negative seq', { seq: -1n }],
  ])('A2: %s is malformed', (_, change) => {
    expect(ask({ ...next, ...change }).kind).toBe('malformed');
  });

  test('A2: an opening reading that is not zero, or not of kind open, is malformed', () => {
    const open = chain(1)[0] as Reading;
    expect(ask({ ...open, values: [0n, 1n] }, null).kind).toBe('malformed');
    expect(ask({ ...open, kind: 'inner' }, null).kind).toBe('malformed');
  });

  test(`A4: readings sent three times, shuffled, in mixed batches, count once each (seed ${SEED})`, () => {
    for (let run = 0n; run < 200n; run += 1n) {
      const random = prng(SEED * 7_919n + run);
      const readings = chain(40, true);
      const stored = new Map<bigint, Reading>();
      let at: Head | null = null;
      let waiting = random.shuffle([...readings, ...readings, ...readings]);
      while (waiting.length > 0) {
        const size = 1 + Number(random.below(25n));
        const batch = waiting.slice(0, size);
        const decided = decideBatch({
          head: at,
          readings: batch,
          vectorLength: 2,
          storedHash: (seq) => stored.get(seq)?.hash,
        });
        at = decided.head;
        for (const reading of decided.accepted) {
          expect(stored.has(reading.seq)).toBe(false);
          stored.set(reading.seq, reading);
        }
        const kinds = new Set(decided.decisions.map(({ decision }) => decision.kind));
        expect([...kinds].every((kind) => ['accept', 'duplicate', 'gap'].includes(kind))).toBe(true);
        const early = decided.decisions
          .filter(({ decision }) => decision.kind === 'gap')
          .map(({ reading }) => reading);
        waiting = [...waiting.slice(size), ...early];
      }
      expect(stored.size).toBe(40);
      expect(at).toEqual({ seq: 39n, hash: 'hash-39', values: [390n, 117n], closed: true });
    }
  });
});
