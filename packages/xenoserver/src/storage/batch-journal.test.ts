import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ReadingBatch } from '../control.js';
import { sealBatch } from '../proof/batch.js';
import { hashReading, ZERO_HASH, type WireReading } from '../reading.js';
import { BatchJournal } from './batch-journal.js';

const { privateKey } = generateKeyPairSync('ed25519');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'batch-journal-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function batchOf(epoch: number, batch: number, resourceId = 'dom'): ReadingBatch {
  const unhashed: Omit<WireReading, 'hash'> = {
    incarnation: `h/${epoch}/1`,
    resourceKind: 'domain',
    resourceId,
    tenantId: 't',
    seq: batch,
    hostNs: String(batch * 1000),
    utcNs: String(epoch * 1_000_000 + batch),
    kind: 'inner',
    state: 'running',
    reason: 'tick',
    vector: 1,
    values: [String(batch)],
    prev: ZERO_HASH,
  };
  return sealBatch({ hostId: 'h', epoch, batch }, [{ ...unhashed, hash: hashReading(unhashed) }], privateKey);
}

const numbersOf = (journal: BatchJournal): string[] =>
  journal.entries.map((entry) => `${entry.epoch}/${entry.batch}`);
const segmentsOf = (): string[] => readdirSync(folder).filter((name) => name.endsWith('.xrj'));

describe('BatchJournal', () => {
  test('batches not acknowledged come back after a restart, whole and in order', async () => {
    const first = await BatchJournal.open(folder);
    for (let batch = 0; batch < 5; batch++) await first.append(batchOf(1, batch));
    await first.acknowledge(1, 1);
    await first.close();

    const second = await BatchJournal.open(folder);
    expect(numbersOf(second)).toEqual(['1/2', '1/3', '1/4']);
    expect(await second.read(second.entries[0]!)).toEqual(batchOf(1, 2));
    expect(second.heads.get('dom')).toEqual({
      incarnation: 'h/1/1',
      seq: 4,
      hash: batchOf(1, 4).readings[0]!.hash,
    });
    expect(second.lastUtcNs).toBe(1_000_004n);
    await second.close();
  });

  test('segments of acknowledged batches are deleted, and the last hashes outlive them', async () => {
    const journal = await BatchJournal.open(folder, 2_000);
    for (let batch = 0; batch < 20; batch++)
      await journal.append(batchOf(1, batch, batch < 10 ? 'old' : 'new'));
    const before = segmentsOf().length;
    expect(before).toBeGreaterThan(3);
    await journal.acknowledge(1, 18);
    expect(segmentsOf().length).toBeLessThanOrEqual(2);
    await journal.close();

    const again = await BatchJournal.open(folder, 2_000);
    expect(numbersOf(again)).toEqual(['1/19']);
    expect(again.heads.get('old')?.seq).toBe(9);
    expect(again.heads.get('new')?.seq).toBe(19);
    expect(again.lastUtcNs).toBe(1_000_019n);
    await again.close();
  });

  test('an acknowledgement of one epoch leaves the others alone, and a repeated one changes nothing', async () => {
    const journal = await BatchJournal.open(folder);
    for (const epoch of [1, 2])
      for (let batch = 0; batch < 3; batch++) await journal.append(batchOf(epoch, batch));
    await journal.acknowledge(2, 1);
    await journal.acknowledge(2, 1);
    await journal.acknowledge(2, 0);
    expect(numbersOf(journal)).toEqual(['1/0', '1/1', '1/2', '2/2']);
    await journal.close();
  });

  test('a journal cut at any byte answers a prefix of what was written and takes new batches', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 6 }), fc.nat(), async (count, cut) => {
        for (const name of readdirSync(folder)) rmSync(join(folder, name));
        const first = await BatchJournal.open(folder);
        for (let batch = 0; batch < count; batch++) await first.append(batchOf(1, batch));
        await first.close();
        const path = join(folder, segmentsOf()[0]!);
        const bytes = readFileSync(path);
        const at = cut % (bytes.length + 1);
        writeFileSync(path, bytes.subarray(0, at));

        const second = await BatchJournal.open(folder);
        const kept = second.entries.length;
        expect(kept).toBe(Math.min(count, Math.floor((Math.max(at, 4) - 4) / ((bytes.length - 4) / count))));
        for (const [index, entry] of second.entries.entries())
          expect(await second.read(entry)).toEqual(batchOf(1, index));
        await second.append(batchOf(2, 0));
        await second.close();

        const third = await BatchJournal.open(folder);
        expect(third.entries.length).toBe(kept + 1);
        await third.close();
      }),
      { numRuns: 40 },
    );
  });
});
