import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { HostEvent } from '../control.js';
import { hashReading, ZERO_HASH, type WireReading } from '../reading.js';
import { BatchJournal } from '../storage/batch-journal.js';
import { BatchPublisher, type PublisherOptions } from './batch-publisher.js';

const { privateKey } = generateKeyPairSync('ed25519');

let folder: string;
let journal: BatchJournal;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'batch-publisher-'));
  journal = await BatchJournal.open(folder);
});
afterEach(async () => {
  await journal.close();
  rmSync(folder, { recursive: true });
});

function readingOf(seq: number): WireReading {
  const unhashed: Omit<WireReading, 'hash'> = {
    incarnation: 'h/2/1',
    resourceKind: 'domain',
    resourceId: 'dom',
    tenantId: 't',
    seq,
    hostNs: String(seq),
    utcNs: String(seq),
    kind: 'inner',
    state: 'running',
    reason: 'tick',
    vector: 1,
    values: ['0'],
    prev: ZERO_HASH,
  };
  return { ...unhashed, hash: hashReading(unhashed) };
}

function publisherOf(options: Partial<PublisherOptions> = {}) {
  const sent: number[] = [];
  const faults: string[] = [];
  const publisher = new BatchPublisher({
    hostId: 'h',
    epoch: 2,
    privateKey,
    journal,
    emit: (event: HostEvent) => void (event.type === 'readings' && sent.push(event.batch.batch)),
    onFault: (error) => void faults.push((error as Error).message),
    ...options,
  });
  return { publisher, sent, faults };
}

describe('BatchPublisher', () => {
  test('an acknowledgement takes nothing that was not sent, whatever number or epoch it carries', async () => {
    const { publisher, sent } = publisherOf({ windowBatches: 2 });
    publisher.add(readingOf(0));
    await publisher.flush();
    publisher.acknowledge(2, 1_000, 0n);
    publisher.acknowledge(9, 0, 0n);
    expect(journal.entries).toHaveLength(1);
    await publisher.start();
    for (let seq = 1; seq < 5; seq++) {
      publisher.add(readingOf(seq));
      await publisher.flush();
    }
    expect(sent).toEqual([0, 1]);
    publisher.acknowledge(2, 1_000, 0n);
    await publisher.flush();
    await publisher.start();
    expect(sent).toEqual([0, 1, 2, 3]);
    expect(journal.entries.map((entry) => entry.batch)).toEqual([2, 3, 4]);
  });

  test('readings that a stopped disk does not take are no unbounded queue: the host is told once', () => {
    const stuck = { append: () => new Promise(() => undefined), entries: [] } as unknown as BatchJournal;
    const { publisher, faults } = publisherOf({ journal: stuck, gatheredMax: 10 });
    for (let seq = 0; seq < 30; seq++) publisher.add(readingOf(seq));
    expect(faults).toEqual(['10 readings wait for the disk']);
  });
});
