/**
 * From readings to published batches: seal, make durable, send, send again until acknowledged.
 *
 * Design. Readings wait until `flush`; while one group is on its way to the disk the next gathers, so a busy moment
 * makes fewer and larger batches. At most WINDOW_BATCHES are in flight; what is beyond stays in the journal and is
 * read back when acknowledgements make room, so a long absence of the control plane costs disk, not memory. When no
 * acknowledgement comes for RESEND_AFTER_NS the window is sent again; the receiver counts by incarnation and seq.
 *
 * Invariants. A batch is emitted only after it is durable, in the order of the journal. Batch numbers are contiguous
 * inside an epoch. An acknowledgement reaches no further than what this process has sent, whatever number it carries: one
 * that outlived a lost folder would else take readings with it that nobody has. What waits for the disk is bounded.
 */
import type { KeyObject } from 'node:crypto';
import type { HostEvent, ReadingBatch } from '../control.js';
import { BATCH_READINGS_MAX, sealBatch } from '../proof/batch.js';
import type { WireReading } from '../reading.js';
import type { BatchEntry, BatchJournal } from '../storage/batch-journal.js';

const WINDOW_BATCHES = 64;
const RESEND_AFTER_NS = 30_000_000_000n;
/** Readings that may wait for the disk; with more the disk has stopped, and nothing may run unmetered. */
const GATHERED_MAX = 400_000;

export interface PublisherOptions {
  hostId: string;
  epoch: number;
  privateKey: KeyObject;
  journal: BatchJournal;
  emit: (event: HostEvent) => void;
  /** Called once when the journal can not be written any more: nothing may run unmetered. */
  onFault: (error: unknown) => void;
  windowBatches?: number;
  gatheredMax?: number;
}

export class BatchPublisher {
  private gathering: WireReading[] = [];
  private nextBatch = 0;
  private writing: Promise<void> = Promise.resolve();
  private scheduled: Promise<void> | null = null;
  private sending: Promise<void> | null = null;
  /** Last batch put in flight, in journal order; null sends from the oldest again. */
  private sentUpTo: BatchEntry | null = null;
  /** The furthest batch ever sent by this process. */
  private furthest: BatchEntry | null = null;
  private readonly fresh = new Map<BatchEntry, ReadingBatch>();
  /** Last sign of the receiver; null until the clock is first seen. */
  private quietSinceNs: bigint | null = null;
  private started = false;
  private readonly window: number;

  constructor(private readonly options: PublisherOptions) {
    this.window = options.windowBatches ?? WINDOW_BATCHES;
  }

  add(reading: WireReading): void {
    this.gathering.push(reading);
    const max = this.options.gatheredMax ?? GATHERED_MAX;
    if (this.gathering.length === max + 1)
      this.options.onFault(new Error(`${max} readings wait for the disk`));
  }

  /** Resolves when every reading added so far is durable and sent as far as the window allows. */
  flush(): Promise<void> {
    if (this.scheduled !== null) return this.scheduled;
    if (this.gathering.length === 0) return this.writing;
    this.scheduled = this.writing.then(() => {
      this.scheduled = null;
      this.writing = this.writeGathered();
      return this.writing;
    });
    return this.scheduled;
  }

  /** Starts sending, the batches of former epochs first; called once `booted` was emitted. */
  start(): Promise<void> {
    this.started = true;
    return this.send();
  }

  acknowledge(epoch: number, batch: number, nowNs: bigint): void {
    const { furthest } = this;
    if (furthest === null || epoch > furthest.epoch) return;
    this.quietSinceNs = nowNs;
    const upTo = epoch === furthest.epoch ? Math.min(batch, furthest.batch) : batch;
    this.options.journal.acknowledge(epoch, upTo).catch(this.options.onFault);
    void this.send();
  }

  /** To be called about once a second with the monotonic time. */
  resendWhenQuiet(nowNs: bigint): void {
    if (this.quietSinceNs === null || this.options.journal.entries.length === 0) this.quietSinceNs = nowNs;
    if (nowNs - this.quietSinceNs < RESEND_AFTER_NS) return;
    this.quietSinceNs = nowNs;
    this.sentUpTo = null;
    void this.send();
  }

  private async writeGathered(): Promise<void> {
    const { hostId, epoch, privateKey, journal } = this.options;
    const readings = this.gathering;
    this.gathering = [];
    try {
      const appends: Promise<void>[] = [];
      for (let at = 0; at < readings.length; at += BATCH_READINGS_MAX) {
        const head = { hostId, epoch, batch: this.nextBatch++ };
        const batch = sealBatch(head, readings.slice(at, at + BATCH_READINGS_MAX), privateKey);
        appends.push(
          journal.append(batch).then((entry) => {
            if (this.fresh.size < this.window) this.fresh.set(entry, batch);
          }),
        );
      }
      await Promise.all(appends);
    } catch (error) {
      this.options.onFault(error);
      throw error;
    }
    await this.send();
  }

  private send(): Promise<void> {
    if (!this.started) return Promise.resolve();
    this.sending ??= this.sendWindow();
    return this.sending;
  }

  private async sendWindow(): Promise<void> {
    await Promise.resolve();
    try {
      for (let entry = this.nextToSend(); entry !== null; entry = this.nextToSend()) {
        this.sentUpTo = entry;
        const batch = this.fresh.get(entry) ?? (await this.readBack(entry));
        this.fresh.delete(entry);
        if (this.furthest === null || isAfter(entry, this.furthest)) this.furthest = entry;
        if (batch !== null) this.options.emit({ type: 'readings', batch });
      }
    } finally {
      // In the same turn as the last look, so that nobody waits for a sender that has already gone home.
      this.sending = null;
    }
  }

  private async readBack(entry: BatchEntry): Promise<ReadingBatch | null> {
    try {
      return await this.options.journal.read(entry);
    } catch (error) {
      // Acknowledged and deleted while we were reaching for it.
      if (!this.options.journal.entries.includes(entry)) return null;
      this.options.onFault(error);
      return null;
    }
  }

  private nextToSend(): BatchEntry | null {
    const entries = this.options.journal.entries;
    const last = this.sentUpTo;
    const at = last === null ? 0 : entries.findIndex((entry) => isAfter(entry, last));
    return at >= 0 && at < this.window ? (entries[at] ?? null) : null;
  }
}

function isAfter(entry: BatchEntry, other: BatchEntry): boolean {
  return entry.epoch > other.epoch || (entry.epoch === other.epoch && entry.batch > other.batch);
}
