/**
 * The durable memory of what this host has metered: every batch, written before it is published.
 *
 * Design. Segments `00000001.xrj`, ... are record files; a record is one byte of kind and JSON. `B` is a ReadingBatch,
 * `A` an acknowledgement {epoch, batch}. A new segment begins at SEGMENT_BYTES or at a start. A segment is deleted when
 * it and all older ones hold acknowledged batches only; just before, `heads.json` keeps what would be lost with it: the
 * last hash of each resource (so a later incarnation links to it) and the highest label.
 *
 * Invariants. `append` answers after fdatasync. After a crash the batches that were answered are all here, in order;
 * a torn tail was never answered. Memory holds places of unacknowledged batches, never their content.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReadingBatch } from '../control.js';
import { syncFolder, writeFileAtomic } from './atomic-file.js';
import { findRecords, RecordFile, type FoundRecord, type RecordPlace } from './record-file.js';

const SEGMENT_BYTES = 4 * 1024 * 1024;
/** Resources whose last hash is remembered; beyond, the one metered longest ago is forgotten. */
const HEADS_MAX = 65_536;

/** Where one batch lies. */
export interface BatchEntry {
  epoch: number;
  batch: number;
  segment: number;
  place: RecordPlace;
}

/** What is left of a resource's last durable reading. */
export interface ResourceHead {
  incarnation: string;
  seq: number;
  hash: string;
}

interface HeadsFile {
  version: 1;
  lastUtcNs: string;
  heads: [string, ResourceHead][];
}

const segmentName = (segment: number): string => `${String(segment).padStart(8, '0')}.xrj`;

export class BatchJournal {
  /** Last durable reading per resource, longest ago first. */
  readonly heads = new Map<string, ResourceHead>();
  /** Highest label of a durable reading; 0 when there is none. */
  lastUtcNs = 0n;
  /** Bytes of torn tails cut off, or of damage skipped, when the journal was opened. */
  tornBytes = 0;
  private readonly unacknowledged: BatchEntry[] = [];
  private readonly segments: number[] = [];
  private current!: RecordFile;
  private rolling: Promise<void> = Promise.resolve();

  private constructor(
    private readonly folder: string,
    private readonly segmentBytes: number,
  ) {}

  static async open(folder: string, segmentBytes = SEGMENT_BYTES): Promise<BatchJournal> {
    const journal = new BatchJournal(folder, segmentBytes);
    journal.readHeads();
    const found = readdirSync(folder).flatMap((name) => /^(\d{8})\.xrj$/.exec(name)?.[1] ?? []);
    for (const segment of found.map(Number).sort((a, b) => a - b)) journal.replay(segment);
    await journal.beginSegment();
    journal.deleteAcknowledged();
    return journal;
  }

  /** Unacknowledged batches, oldest first. */
  get entries(): readonly BatchEntry[] {
    return this.unacknowledged;
  }

  /** Makes the batch durable; answers its entry. Fails for good once the disk has failed. */
  async append(batch: ReadingBatch): Promise<BatchEntry> {
    await this.rolling;
    const segment = this.segments.at(-1)!;
    const place = await this.current.append(Buffer.from(`B${JSON.stringify(batch)}`));
    const entry: BatchEntry = { epoch: batch.epoch, batch: batch.batch, segment, place };
    this.unacknowledged.push(entry);
    this.noteHeads(batch);
    if (this.current.bytes > this.segmentBytes && this.segments.at(-1) === segment) {
      this.rolling = this.rolling.then(() => this.rollOver());
      await this.rolling;
    }
    return entry;
  }

  async read(entry: BatchEntry): Promise<ReadingBatch> {
    const file = await open(join(this.folder, segmentName(entry.segment)), 'r');
    try {
      const payload = Buffer.alloc(entry.place.length);
      await file.read(payload, 0, payload.length, entry.place.offset);
      return JSON.parse(payload.subarray(1).toString('utf8')) as ReadingBatch;
    } finally {
      await file.close();
    }
  }

  /** Forgets the batches of `epoch` up to and including `batch`. Losing this record only means sending them again. */
  async acknowledge(epoch: number, batch: number): Promise<void> {
    if (!this.forget(epoch, batch)) return;
    await this.rolling;
    await this.current.append(Buffer.from(`A${JSON.stringify({ epoch, batch })}`));
    this.deleteAcknowledged();
  }

  async close(): Promise<void> {
    await this.rolling;
    await this.current.close();
  }

  private forget(epoch: number, batch: number): boolean {
    // In order, and nearly always at the front: a long backlog must not be gone through for each acknowledgement.
    const from = this.unacknowledged.findIndex((entry) => entry.epoch === epoch);
    if (from < 0) return false;
    let to = from;
    for (let entry = this.unacknowledged[to]; entry?.epoch === epoch && entry.batch <= batch;)
      entry = this.unacknowledged[++to];
    this.unacknowledged.splice(from, to - from);
    return to > from;
  }

  private readHeads(): void {
    const path = join(this.folder, 'heads.json');
    if (!existsSync(path)) return;
    const file = JSON.parse(readFileSync(path, 'utf8')) as HeadsFile;
    for (const [resourceId, head] of file.heads) this.heads.set(resourceId, head);
    this.lastUtcNs = BigInt(file.lastUtcNs);
  }

  private replay(segment: number): void {
    const bytes = readFileSync(join(this.folder, segmentName(segment)));
    const { records, validBytes } = findRecords(bytes);
    this.tornBytes += bytes.length - validBytes;
    for (const record of records) this.replayRecord(segment, record);
    this.segments.push(segment);
  }

  private replayRecord(segment: number, record: FoundRecord): void {
    const kind = record.payload.toString('latin1', 0, 1);
    const content: unknown = JSON.parse(record.payload.toString('utf8', 1));
    if (kind === 'A') {
      const { epoch, batch } = content as { epoch: number; batch: number };
      this.forget(epoch, batch);
      return;
    }
    if (kind !== 'B') throw new Error(`journal record of kind ${kind} in ${segmentName(segment)}`);
    const batch = content as ReadingBatch;
    const { offset, length } = record;
    this.unacknowledged.push({ epoch: batch.epoch, batch: batch.batch, segment, place: { offset, length } });
    this.noteHeads(batch);
  }

  private noteHeads(batch: ReadingBatch): void {
    for (const { resourceId, incarnation, seq, hash, utcNs } of batch.readings) {
      this.heads.delete(resourceId);
      this.heads.set(resourceId, { incarnation, seq, hash });
      if (BigInt(utcNs) > this.lastUtcNs) this.lastUtcNs = BigInt(utcNs);
    }
    while (this.heads.size > HEADS_MAX) this.heads.delete(this.heads.keys().next().value!);
  }

  private async beginSegment(): Promise<void> {
    const segment = (this.segments.at(-1) ?? 0) + 1;
    this.current = (await RecordFile.open(join(this.folder, segmentName(segment)))).file;
    this.segments.push(segment);
  }

  private async rollOver(): Promise<void> {
    if (this.current.bytes <= this.segmentBytes) return;
    const full = this.current;
    await this.beginSegment();
    await full.close();
    this.deleteAcknowledged();
  }

  private deleteAcknowledged(): void {
    const keepFrom = this.unacknowledged[0]?.segment ?? this.segments.at(-1)!;
    const dead = this.segments.filter((segment) => segment < keepFrom);
    if (dead.length === 0) return;
    const file: HeadsFile = { version: 1, lastUtcNs: this.lastUtcNs.toString(), heads: [...this.heads] };
    writeFileAtomic(join(this.folder, 'heads.json'), JSON.stringify(file));
    for (const segment of dead) rmSync(join(this.folder, segmentName(segment)));
    this.segments.splice(0, dead.length);
    syncFolder(this.folder);
  }
}
