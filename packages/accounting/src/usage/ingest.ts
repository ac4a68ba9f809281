import { QUANTITY_MAX } from '../base/money.js';
import type { Head, Reading } from './reading.js';

/**
 * Design: ingest is a decision over the incarnation's head alone, so it is the same for one reading, a batch, a replay
 * or a shuffle (A4). The stores only carry it out.
 * Invariants: a reading is accepted once and only as head + 1; nothing else ever changes the head.
 */
export type IngestDecision =
  | { readonly kind: 'accept'; readonly head: Head }
  /** Already counted. `verified` is false when the stored hash of that seq was no longer at hand to compare. */
  | { readonly kind: 'duplicate'; readonly verified: boolean }
  /** The same seq with another hash: refuse with 409 and raise the alarm. */
  | { readonly kind: 'conflict'; readonly storedHash: string }
  /** Came early: keep it or ask again; `expectedSeq` is what is missing. */
  | { readonly kind: 'gap'; readonly expectedSeq: bigint }
  /** A cumulative counter went down: an alarm, never a negative charge. `index` is the place in the vector. */
  | { readonly kind: 'counter-fell'; readonly index: number; readonly before: bigint; readonly after: bigint }
  | { readonly kind: 'bad-chain'; readonly expectedPrevHash: string }
  /** The incarnation was closed; nothing can follow. */
  | { readonly kind: 'closed'; readonly closedSeq: bigint }
  | { readonly kind: 'malformed'; readonly detail: string };

export interface IngestQuestion {
  /** Null while nothing of the incarnation was accepted. */
  readonly head: Head | null;
  readonly reading: Reading;
  /** Length of the incarnation's vector. */
  readonly vectorLength: number;
  /** Stored hash of an older seq, or undefined when it is no longer stored. Asked for seqs below the head only. */
  readonly storedHash?: (seq: bigint) => string | undefined;
}

export function decideIngest(question: IngestQuestion): IngestDecision {
  const { head, reading } = question;
  const detail = malformation(reading, question.vectorLength);
  if (detail !== undefined) return { kind: 'malformed', detail };
  if (head !== null && reading.seq <= head.seq) {
    const stored = reading.seq === head.seq ? head.hash : question.storedHash?.(reading.seq);
    if (stored === undefined) return { kind: 'duplicate', verified: false };
    return stored === reading.hash
      ? { kind: 'duplicate', verified: true }
      : { kind: 'conflict', storedHash: stored };
  }
  if (head?.closed === true) return { kind: 'closed', closedSeq: head.seq };
  const expectedSeq = head === null ? 0n : head.seq + 1n;
  if (reading.seq !== expectedSeq) return { kind: 'gap', expectedSeq };
  if (head !== null) {
    if (reading.prevHash !== head.hash) return { kind: 'bad-chain', expectedPrevHash: head.hash };
    const index = reading.values.findIndex((value, place) => value < (head.values[place] ?? 0n));
    if (index >= 0) {
      return {
        kind: 'counter-fell',
        index,
        before: head.values[index] ?? 0n,
        after: reading.values[index] ?? 0n,
      };
    }
  }
  return { kind: 'accept', head: headOf(reading) };
}

export interface BatchDecision {
  /** Head after the batch; null when nothing was ever accepted. */
  readonly head: Head | null;
  /** Accepted readings in order of seq: store exactly these. */
  readonly accepted: readonly Reading[];
  /** Every reading with its decision, in order of seq. */
  readonly decisions: readonly { readonly reading: Reading; readonly decision: IngestDecision }[];
}

/** Decides a batch of one incarnation in any order, with repeats: sorts by seq and moves the head along. */
export function decideBatch(
  batch: Omit<IngestQuestion, 'reading'> & { readonly readings: readonly Reading[] },
): BatchDecision {
  const ordered = [...batch.readings].sort((a, b) => (a.seq < b.seq ? -1 : a.seq > b.seq ? 1 : 0));
  const hashBySeq = new Map<bigint, string>();
  const storedHash = (seq: bigint): string | undefined => hashBySeq.get(seq) ?? batch.storedHash?.(seq);
  let head = batch.head;
  const accepted: Reading[] = [];
  const decisions: { reading: Reading; decision: IngestDecision }[] = [];
  for (const reading of ordered) {
    const decision = decideIngest({ head, reading, vectorLength: batch.vectorLength, storedHash });
    decisions.push({ reading, decision });
    if (decision.kind !== 'accept') continue;
    head = decision.head;
    accepted.push(reading);
    hashBySeq.set(reading.seq, reading.hash);
  }
  return { head, accepted, decisions };
}

function headOf(reading: Reading): Head {
  return { seq: reading.seq, hash: reading.hash, values: reading.values, closed: reading.kind === 'close' };
}

function malformation(reading: Reading, vectorLength: number): string | undefined {
  if (reading.seq < 0n) return 'seq is negative';
  if (reading.hash === '') return 'hash is empty';
  if (reading.values.length !== vectorLength) {
    return `values: ${reading.values.length} given, the vector has ${vectorLength}`;
  }
  const outside = reading.values.findIndex((value) => value < 0n || value > QUANTITY_MAX);
  if (outside >= 0) return `values[${outside}] is outside 0..${QUANTITY_MAX}`;
  if ((reading.seq === 0n) !== (reading.kind === 'open')) return 'seq 0 and kind open belong together';
  if (reading.kind === 'open' && reading.values.some((value) => value !== 0n))
    return 'the opening reading is not zero';
  return undefined;
}
