/**
 * Takes signed batches of readings into the database.
 *
 * Design. A batch is verified with the key its host announced for the epoch, then each incarnation's readings are
 * judged against its head (accounting, rule A4) and written in one transaction together with the batch itself.
 * A fault of one incarnation (another hash under a known seq, a counter that fell, a broken chain) either refuses the
 * whole batch (when a client posts it) or sets that incarnation aside with an alarm (on a host's own link, where
 * refusing would stop the metering of every neighbour).
 */
import { Injectable, Logger } from '@nestjs/common';
import { decideBatch, METER_VECTORS, type IngestDecision, type Reading } from '@xenorack/accounting';
import type { ReadingBatch, WireReading } from '@xenorack/xenoserver';
import type pg from 'pg';
import { VerifyBatch } from '../hosts/verify-batch.js';
import { Outbox } from '../platform/outbox.js';
import { refuse } from '../platform/problem.js';
import { UnitOfWork } from '../platform/unit-of-work.js';
import { ReadingStore, type AcceptedReading, type IncarnationHead } from './reading.store.js';

export interface IngestOutcome {
  accepted: WireReading[];
  /** Readings that were stored before. */
  duplicates: number;
}

export interface IngestFault {
  incarnation: string;
  tenantId: string | null;
  seq: number;
  kind: Exclude<IngestDecision['kind'], 'accept' | 'duplicate'> | 'foreign-resource' | 'foreign-host';
  detail: string;
}

type IngestedListener = (outcome: IngestOutcome, batch: ReadingBatch) => Promise<void>;

@Injectable()
export class IngestReadings {
  private readonly log = new Logger(IngestReadings.name);
  private readonly listeners: IngestedListener[] = [];

  constructor(
    private readonly store: ReadingStore,
    private readonly verifyBatch: VerifyBatch,
    private readonly unitOfWork: UnitOfWork,
    private readonly outbox: Outbox,
  ) {}

  /** Called after each stored batch that brought something new, in the order of storing. */
  onIngested(listener: IngestedListener): void {
    this.listeners.push(listener);
  }

  /**
   * Stores a batch. `onFault: 'refuse'` stores nothing and refuses with reading_conflict when any reading is at fault;
   * `'set-aside'` stores the sound incarnations and raises an alarm for the others. Refusals: invalid_request (the
   * signature, root or a hash is wrong), not_found (unknown host or epoch), reading_conflict.
   */
  async ingest(batch: ReadingBatch, onFault: 'refuse' | 'set-aside'): Promise<IngestOutcome> {
    await this.verifyBatch.check(batch);

    const faults: IngestFault[] = [];
    const outcome = await this.store.transaction(async (client) => {
      if (await this.store.hasBatch(client, batch.hostId, batch.epoch, batch.batch)) {
        if (onFault === 'set-aside') return { accepted: [], duplicates: batch.readings.length };
      }
      await this.store.closeLost(client, batch.hostId, batch.epoch);
      const judged = await this.judge(client, batch, faults);
      const gap = faults.find((fault) => fault.kind === 'gap');
      if (gap) throw refuse('conflict', `${gap.incarnation} ${gap.detail}; send the earlier readings first`);
      if (faults.length > 0 && onFault === 'refuse') throw faultRefusal(faults);
      await this.store.write(client, batch.hostId, batch.epoch, judged.accepted);
      await this.store.addBatch(client, batch);
      return { accepted: judged.accepted.map((each) => each.reading), duplicates: judged.duplicates };
    });
    if (faults.length > 0) await this.alarm(batch, faults);
    if (outcome.accepted.length > 0) for (const listener of this.listeners) await listener(outcome, batch);
    return outcome;
  }

  /** Decides every reading of the batch; appends what is wrong to `faults`. */
  private async judge(client: pg.PoolClient, batch: ReadingBatch, faults: IngestFault[]) {
    const byIncarnation = groupByIncarnation(batch.readings);
    const heads = await this.store.lockHeads(client, [...byIncarnation.keys()]);
    const older = batch.readings.filter((r) => BigInt(r.seq) < (heads.get(r.incarnation)?.seq ?? 0n));
    const hashes = await this.store.hashesOf(client, older);
    const newResources = [
      ...new Set(batch.readings.filter((r) => !heads.has(r.incarnation)).map((r) => r.resourceId)),
    ];
    const owners =
      newResources.length > 0 ? await this.store.ownersOf(client, newResources) : new Map<string, string>();

    const accepted: AcceptedReading[] = [];
    let duplicates = 0;
    for (const [incarnation, readings] of byIncarnation) {
      const head = heads.get(incarnation) ?? null;
      const first = readings[0]!;
      const foreign = foreignFault(batch, first, head, owners);
      if (foreign) {
        faults.push(foreign);
        continue;
      }
      const bySeq = new Map(readings.map((reading) => [BigInt(reading.seq), reading]));
      const decided = decideBatch({
        head: head && { seq: head.seq, hash: head.hash, values: head.values, closed: head.closed },
        readings: readings.map(toReading),
        vectorLength: METER_VECTORS[`${first.resourceKind}.v1`].meters.length,
        storedHash: (seq) => hashes.get(`${incarnation}#${seq}`),
      });
      const wrong = decided.decisions.filter((each) => !['accept', 'duplicate'].includes(each.decision.kind));
      if (wrong.length > 0) {
        faults.push(...wrong.map((each) => faultOf(each.reading, each.decision, first.tenantId)));
        continue;
      }
      duplicates += decided.decisions.length - decided.accepted.length;
      for (const each of decided.accepted) {
        accepted.push({ reading: bySeq.get(each.seq)!, opens: head === null && each.seq === 0n });
      }
    }
    return { accepted, duplicates };
  }

  private async alarm(batch: ReadingBatch, faults: IngestFault[]): Promise<void> {
    this.log.error(
      { hostId: batch.hostId, epoch: batch.epoch, batch: batch.batch, faults },
      'readings set aside',
    );
    await this.unitOfWork.run(async (tx) => {
      for (const fault of faults) {
        await this.outbox.write(tx, {
          tenantId: null,
          type: 'reading.conflict',
          subject: { type: 'host', id: batch.hostId },
          data: { incarnation: fault.incarnation, seq: fault.seq, kind: fault.kind, detail: fault.detail },
        });
      }
    });
  }
}

function groupByIncarnation(readings: WireReading[]): Map<string, WireReading[]> {
  const groups = new Map<string, WireReading[]>();
  for (const reading of readings) {
    const group = groups.get(reading.incarnation);
    if (group) group.push(reading);
    else groups.set(reading.incarnation, [reading]);
  }
  return groups;
}

/** A wire reading in the form accounting judges. */
export function toReading(reading: WireReading): Reading {
  return {
    incarnationId: reading.incarnation,
    seq: BigInt(reading.seq),
    hostNs: BigInt(reading.hostNs),
    utcNs: BigInt(reading.utcNs),
    kind: reading.kind,
    values: reading.values.map(BigInt),
    hash: reading.hash,
    prevHash: reading.prev,
  };
}

/** A host may only speak of its own incarnations and of resources this control plane gave to that tenant. */
function foreignFault(
  batch: ReadingBatch,
  first: WireReading,
  head: IncarnationHead | null,
  owners: Map<string, string>,
): IngestFault | null {
  const at = { incarnation: first.incarnation, tenantId: null, seq: first.seq };
  if (!first.incarnation.startsWith(`${batch.hostId}/${batch.epoch}/`)) {
    return {
      ...at,
      kind: 'foreign-host',
      detail: `is not an incarnation of ${batch.hostId}, epoch ${batch.epoch}`,
    };
  }
  if (head === null && owners.get(first.resourceId) !== first.tenantId) {
    return {
      ...at,
      kind: 'foreign-resource',
      detail: `${first.resourceId} does not belong to ${first.tenantId}`,
    };
  }
  return null;
}

function faultOf(reading: Reading, decision: IngestDecision, tenantId: string): IngestFault {
  const { kind, ...facts } = decision;
  const detail = JSON.stringify(facts, (_, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
  return {
    incarnation: reading.incarnationId,
    tenantId,
    seq: Number(reading.seq),
    kind: kind as IngestFault['kind'],
    detail: `seq ${reading.seq}: ${kind} ${detail}`,
  };
}

function faultRefusal(faults: IngestFault[]) {
  const errors = faults.map((fault) => ({
    pointer: `/readings/${fault.incarnation}#${fault.seq}`,
    code: fault.kind,
    detail: fault.detail,
  }));
  return refuse('reading_conflict', `${faults.length} reading(s) contradict what is stored`, { errors });
}
