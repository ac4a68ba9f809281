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
import { ReadingStore, type AcceptedReading, type IncarnationHead, type LifeSpan } from './reading.store.js';

export interface IngestOutcome {
  accepted: WireReading[];
  /** Readings that were stored before. */
  duplicates: number;
}

export interface IngestFault {
  incarnation: string;
  tenantId: string | null;
  seq: number;
  kind:
    | Exclude<IngestDecision['kind'], 'accept' | 'duplicate'>
    | 'foreign-resource'
    | 'foreign-host'
    | 'time-fell'
    | 'overlap';
  detail: string;
}

type IngestedListener = (outcome: IngestOutcome, batch: ReadingBatch) => Promise<void>;

@Injectable()
export class IngestReadings {
  private readonly log = new Logger(IngestReadings.name);
  private readonly listeners: IngestedListener[] = [];
  /** Incarnations already told of: everything they send later is at fault too. */
  private readonly alarmed = new Set<string>();

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
   * Stores a batch. `onFault: 'refuse'` stores nothing and refuses with reading_conflict when any reading is at fault,
   * or with conflict when all that is wrong is that earlier readings are missing; `'set-aside'` stores the sound
   * incarnations and raises an alarm for the others. A host's own link delivers in order, so a gap there follows
   * readings that were set aside. Refusals: invalid_request (the signature, root or a hash is wrong), not_found (unknown
   * host or epoch), reading_conflict, conflict.
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
      const accepted = await this.apart(client, judged.accepted, faults);
      if (faults.length > 0 && onFault === 'refuse') throw faultRefusal(faults);
      await this.store.write(client, batch.hostId, batch.epoch, accepted);
      await this.store.addBatch(client, batch);
      return { accepted: accepted.map((each) => each.reading), duplicates: judged.duplicates };
    });
    await this.alarm(batch, faults);
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
      const foreign = foreignFault(batch, readings, head, owners);
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
      const fell = timeFault(head, decided.accepted, first.tenantId);
      if (fell) {
        faults.push(fell);
        continue;
      }
      duplicates += decided.decisions.length - decided.accepted.length;
      for (const each of decided.accepted) {
        accepted.push({ reading: bySeq.get(each.seq)!, opens: head === null && each.seq === 0n });
      }
    }
    return { accepted, duplicates };
  }

  /**
   * Leaves out incarnations that open while another life of their resource lasts: nothing is counted twice. Lives that
   * end in this very batch count as ended. Appends what is wrong to `faults`.
   */
  private async apart(
    client: pg.PoolClient,
    accepted: AcceptedReading[],
    faults: IngestFault[],
  ): Promise<AcceptedReading[]> {
    const opening = accepted.filter((each) => each.opens).map((each) => each.reading);
    if (opening.length === 0) return accepted;
    const closed = new Map(
      accepted.flatMap(({ reading }) =>
        reading.kind === 'close' ? [[reading.incarnation, BigInt(reading.utcNs)] as const] : [],
      ),
    );
    const asked = opening.map(({ resourceId, utcNs }) => ({ resourceId, utcNs: BigInt(utcNs) }));
    const lives = await this.store.livesAfter(client, asked);
    for (const life of lives) life.toUtcNs ??= closed.get(life.incarnation) ?? null;
    const wrong = new Set<string>();
    for (const { incarnation, resourceId, tenantId, seq, utcNs } of opening) {
      const toUtcNs = closed.get(incarnation) ?? null;
      const life: LifeSpan = { incarnation, resourceId, fromUtcNs: BigInt(utcNs), toUtcNs };
      const other = lives.find((each) => overlap(each, life));
      if (other) {
        wrong.add(incarnation);
        const detail = `${resourceId} still lives as ${other.incarnation}`;
        faults.push({ incarnation, tenantId, seq, kind: 'overlap', detail });
      } else {
        lives.push(life);
      }
    }
    return wrong.size === 0 ? accepted : accepted.filter((each) => !wrong.has(each.reading.incarnation));
  }

  /** Tells the operator, once per incarnation: what follows a reading set aside is set aside as well. */
  private async alarm(batch: ReadingBatch, all: IngestFault[]): Promise<void> {
    const faults = all.filter((fault) => !this.alarmed.has(fault.incarnation));
    if (faults.length === 0) return;
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
    for (const fault of faults) this.alarmed.add(fault.incarnation);
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

/**
 * A host may only speak of its own incarnations and of resources this control plane gave to that tenant, and an
 * incarnation is of one resource for all its life.
 */
function foreignFault(
  batch: ReadingBatch,
  readings: WireReading[],
  head: IncarnationHead | null,
  owners: Map<string, string>,
): IngestFault | null {
  const first = readings[0]!;
  const at = { incarnation: first.incarnation, tenantId: null, seq: first.seq };
  if (!first.incarnation.startsWith(`${batch.hostId}/${batch.epoch}/`)) {
    return {
      ...at,
      kind: 'foreign-host',
      detail: `is not an incarnation of ${batch.hostId}, epoch ${batch.epoch}`,
    };
  }
  const of = head ?? first;
  const stray = readings.find(
    (each) =>
      each.resourceId !== of.resourceId ||
      each.tenantId !== of.tenantId ||
      each.resourceKind !== of.resourceKind,
  );
  if (stray) {
    const detail = `is of ${of.resourceId} of ${of.tenantId}, not of ${stray.resourceId} of ${stray.tenantId}`;
    return { ...at, seq: stray.seq, kind: 'foreign-resource', detail };
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

/** Labels and host time never fall within an incarnation. */
function timeFault(
  head: IncarnationHead | null,
  accepted: readonly Reading[],
  tenantId: string,
): IngestFault | null {
  let before: { utcNs: bigint; hostNs: bigint } | null = head;
  for (const reading of accepted) {
    if (before && (reading.utcNs < before.utcNs || reading.hostNs < before.hostNs)) {
      const detail = `seq ${reading.seq}: utcNs ${reading.utcNs}, hostNs ${reading.hostNs} after ${before.utcNs}, ${before.hostNs}`;
      const { incarnationId: incarnation } = reading;
      return { incarnation, tenantId, seq: Number(reading.seq), kind: 'time-fell', detail };
    }
    before = reading;
  }
  return null;
}

function overlap(a: LifeSpan, b: LifeSpan): boolean {
  if (a.resourceId !== b.resourceId) return false;
  const isBefore = (x: LifeSpan, y: LifeSpan) => x.toUtcNs !== null && x.toUtcNs <= y.fromUtcNs;
  return !isBefore(a, b) && !isBefore(b, a);
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
  const [first] = faults;
  if (first && faults.every((fault) => fault.kind === 'gap'))
    return refuse('conflict', `${first.incarnation} ${first.detail}; send the earlier readings first`);
  const errors = faults.map((fault) => ({
    pointer: `/readings/${fault.incarnation}#${fault.seq}`,
    code: fault.kind,
    detail: fault.detail,
  }));
  return refuse('reading_conflict', `${faults.length} reading(s) contradict what is stored`, { errors });
}
