import type { Result } from '../base/error.js';
import { fail, ok } from '../base/error.js';
import { QUARTER_HOUR_NS, contains } from '../base/period.js';
import type { Period } from '../base/period.js';
import type { CutReason, Reading } from './reading.js';

/**
 * Design: usage is the difference of neighbouring cuts (A3): usage[a,b) = C(b) - C(a). Neighbours share the cut, so
 * records telescope: any roll-up equals the difference of its outer cuts and nothing is lost or interpolated.
 * A record belongs to the window of its start; one that swallowed a quarter-hour cut is flagged `uncut`.
 * Invariants: quantity > 0 (a record of nothing is not written); records of one meter of an incarnation tile its life.
 * Units: quantities in the meter's base unit; labels in ns UTC.
 *
 * Meters and states are plain text at this floor; the catalog and the rater give them meaning.
 */
export interface IncarnationRef {
  readonly incarnationId: string;
  readonly resourceId: string;
  /** Meter names in the order of the vector. */
  readonly meters: readonly string[];
}

/** A reading forced at an instant, with what the host then knew. */
export interface Cut {
  readonly seq: bigint;
  readonly hostNs: bigint;
  readonly utcNs: bigint;
  readonly kind: 'open' | 'cut' | 'close';
  readonly reason: CutReason;
  /** Power state from this cut on. */
  readonly state: string;
  readonly values: readonly bigint[];
}

/** Use of one meter by one resource between two cuts. */
export interface UsageRecord {
  readonly resourceId: string;
  readonly incarnationId: string;
  readonly meter: string;
  readonly state: string;
  readonly fromNs: bigint;
  readonly toNs: bigint;
  /** Seqs of the two cuts (of the head reading for a provisional record). */
  readonly fromSeq: bigint;
  readonly toSeq: bigint;
  readonly quantity: bigint;
  /** A quarter-hour cut is missing inside. */
  readonly uncut: boolean;
  /** Ends at an inner reading: it will be replaced when the next cut arrives. */
  readonly provisional: boolean;
}

/**
 * Records between ordered, neighbouring cuts of one incarnation. The list may start at any cut, so a life can be
 * folded in pages that share their border cut. Errors: cuts_invalid.
 */
export function foldCuts(incarnation: IncarnationRef, cuts: readonly Cut[]): Result<readonly UsageRecord[]> {
  const records: UsageRecord[] = [];
  for (let index = 0; index < cuts.length; index += 1) {
    const after = cuts[index] as Cut;
    if (after.values.length !== incarnation.meters.length) {
      return invalid(incarnation, after.seq, 'has another number of values than the vector');
    }
    const before = cuts[index - 1];
    if (before === undefined) continue;
    if (after.seq <= before.seq) return invalid(incarnation, after.seq, 'is not after the cut before it');
    if (before.kind === 'close') return invalid(incarnation, after.seq, 'follows the closing cut');
    const fell = pushSpan(records, incarnation, before, after, false);
    if (fell !== undefined) return invalid(incarnation, after.seq, `counter ${fell} fell`);
  }
  return ok(records);
}

/** What was used since the last cut, as provisional records ending at the newest reading. Errors: cuts_invalid. */
export function liveTail(
  incarnation: IncarnationRef,
  lastCut: Cut,
  head: Pick<Reading, 'seq' | 'utcNs' | 'values'>,
): Result<readonly UsageRecord[]> {
  if (head.seq === lastCut.seq || lastCut.kind === 'close') return ok([]);
  if (head.seq < lastCut.seq) return invalid(incarnation, head.seq, 'is before the last cut');
  const records: UsageRecord[] = [];
  const fell = pushSpan(records, incarnation, lastCut, head, true);
  return fell === undefined ? ok(records) : invalid(incarnation, head.seq, `counter ${fell} fell`);
}

/** Records that belong to a period: those whose start label lies in it, undivided (A3). */
export function recordsOfPeriod(records: readonly UsageRecord[], window: Period): readonly UsageRecord[] {
  return records.filter((record) => contains(window, record.fromNs));
}

/** Joins touching records of one incarnation, meter and state into spans whose ends are still real cuts. */
export function telescope(records: readonly UsageRecord[]): readonly UsageRecord[] {
  const ordered = [...records].sort(
    (a, b) =>
      compare(a.resourceId, b.resourceId) ||
      compare(a.incarnationId, b.incarnationId) ||
      compare(a.meter, b.meter) ||
      compare(a.fromSeq, b.fromSeq),
  );
  const spans: UsageRecord[] = [];
  for (const record of ordered) {
    const last = spans[spans.length - 1];
    if (last === undefined || !touches(last, record)) {
      spans.push(record);
      continue;
    }
    spans[spans.length - 1] = {
      ...last,
      toNs: record.toNs,
      toSeq: record.toSeq,
      quantity: last.quantity + record.quantity,
      uncut: last.uncut || record.uncut,
      provisional: last.provisional || record.provisional,
    };
  }
  return spans;
}

/** A span of a life without durable readings; never billed, the provider's loss (A4). */
export interface UnmeteredSpan {
  readonly incarnationId: string;
  readonly resourceId: string;
  readonly fromNs: bigint;
  readonly toNs: bigint;
}

/** The tail of a lost incarnation between its last durable reading and its end, or undefined when there is none. */
export function unmeteredTail(
  incarnation: Pick<IncarnationRef, 'incarnationId' | 'resourceId'>,
  lastReadingNs: bigint,
  endedNs: bigint,
): UnmeteredSpan | undefined {
  if (endedNs <= lastReadingNs) return undefined;
  const { incarnationId, resourceId } = incarnation;
  return { incarnationId, resourceId, fromNs: lastReadingNs, toNs: endedNs };
}

/** Appends one record per meter that moved; answers the name of a meter that fell, if one did. */
function pushSpan(
  records: UsageRecord[],
  incarnation: IncarnationRef,
  before: Cut,
  after: Pick<Reading, 'seq' | 'utcNs' | 'values'>,
  provisional: boolean,
): string | undefined {
  const uncut = missesQuarterHour(before.utcNs, after.utcNs);
  for (let place = 0; place < incarnation.meters.length; place += 1) {
    const meter = incarnation.meters[place] as string;
    const quantity = (after.values[place] ?? 0n) - (before.values[place] ?? 0n);
    if (quantity < 0n) return meter;
    if (quantity === 0n) continue;
    records.push({
      resourceId: incarnation.resourceId,
      incarnationId: incarnation.incarnationId,
      meter,
      state: before.state,
      fromNs: before.utcNs,
      toNs: after.utcNs,
      fromSeq: before.seq,
      toSeq: after.seq,
      quantity,
      uncut,
      provisional,
    });
  }
  return undefined;
}

/** A whole quarter hour strictly between the labels should have been a cut. */
function missesQuarterHour(fromNs: bigint, toNs: bigint): boolean {
  const next = (fromNs / QUARTER_HOUR_NS + 1n) * QUARTER_HOUR_NS;
  return next < toNs;
}

function touches(last: UsageRecord, next: UsageRecord): boolean {
  return (
    last.resourceId === next.resourceId &&
    last.incarnationId === next.incarnationId &&
    last.meter === next.meter &&
    last.state === next.state &&
    last.toSeq === next.fromSeq
  );
}

function invalid(incarnation: IncarnationRef, seq: bigint, what: string) {
  const attributes = { incarnationId: incarnation.incarnationId, seq: seq.toString() };
  return fail('cuts_invalid', `cut ${seq} of ${incarnation.incarnationId} ${what}`, attributes);
}

function compare<T extends string | bigint>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
