import type { Result } from '../base/error.js';
import { ok } from '../base/error.js';
import type { Period } from '../base/period.js';
import { joinKey } from '../base/join-key.js';
import type { UsageRecord } from '../usage/usage-record.js';
import type { Assignment, AssignmentsByResource } from './assignment.js';
import { endOf, indexAssignments } from './assignment.js';

/**
 * Design: rating has two halves. This one folds records into totals per (resource, plan version, meter, state) with
 * one addition per record; pricing then works on a few totals, whatever the number of records (B1). Totals add up, so a
 * caller may keep those of past cuts and add only what is new.
 * Invariants: every quantity of a record inside the period lands in exactly one total, undecided span or unassigned
 * total. The order of records changes nothing but the order of `sources`.
 */
export interface UsageTotal {
  readonly resourceId: string;
  readonly planVersionId: string;
  readonly meter: string;
  readonly state: string;
  readonly quantity: bigint;
  readonly recordCount: number;
  readonly uncut: boolean;
  readonly provisional: boolean;
  /** The records themselves, when they were asked for. */
  readonly sources: readonly UsageRecord[];
}

/** Records of one uncut span over a change of plan: the version giving the lower amount prices all of it (A3). */
export interface UndecidedSpan {
  readonly resourceId: string;
  readonly incarnationId: string;
  readonly fromNs: bigint;
  readonly fromSeq: bigint;
  /** In order of time. */
  readonly planVersionIds: readonly string[];
  readonly records: readonly UsageRecord[];
}

export interface UsageTotals {
  readonly totals: readonly UsageTotal[];
  readonly undecided: readonly UndecidedSpan[];
  /** Records that no plan version covers: billed to nobody, and for the operator to look at. */
  readonly unassigned: readonly UsageRecord[];
}

export interface TotalUsageInput {
  readonly period: Period;
  readonly assignments: readonly Assignment[];
  readonly records: Iterable<UsageRecord>;
  /** Keep the records on each total, for derivations; false saves memory on large folds. Default true. */
  readonly keepSources?: boolean;
}

export const NO_USAGE: UsageTotals = { totals: [], undecided: [], unassigned: [] };

interface MutableTotal {
  resourceId: string;
  planVersionId: string;
  meter: string;
  state: string;
  quantity: bigint;
  recordCount: number;
  uncut: boolean;
  provisional: boolean;
  sources: UsageRecord[];
}

/** The totals of one resource under one plan version: a short list per meter, one entry per state seen. */
type VersionTotals = Map<string, MutableTotal[]>;

interface ResourceSlot {
  readonly assignments: readonly Assignment[];
  /** One per assignment; assignments of the same version share theirs. */
  readonly totals: readonly VersionTotals[];
}

/** Errors: assignment_overlap, period_invalid. */
export function totalUsage(input: TotalUsageInput): Result<UsageTotals> {
  const index = indexAssignments(input.period, input.assignments);
  if (!index.ok) return index;
  return ok(foldRecords(input, index.value));
}

function foldRecords(input: TotalUsageInput, index: AssignmentsByResource): UsageTotals {
  const { fromNs, toNs } = input.period;
  const keepSources = input.keepSources !== false;
  const slots = new Map<string, ResourceSlot>();
  const undecided = new Map<string, UndecidedSpan>();
  const unassigned: UsageRecord[] = [];
  // Records mostly come grouped by resource: remembering the last slot saves a lookup for each.
  let resourceId: string | undefined;
  let slot: ResourceSlot | undefined;
  for (const record of input.records) {
    if (record.fromNs < fromNs || record.fromNs >= toNs) continue;
    if (record.resourceId !== resourceId) {
      resourceId = record.resourceId;
      slot = slots.get(resourceId) ?? openSlot(slots, resourceId, index);
    }
    const place = slot === undefined ? -1 : coveringAssignment(slot, record);
    if (place >= 0)
      addRecord((slot as ResourceSlot).totals[place] as VersionTotals, slot, place, record, keepSources);
    else settleUncovered(slot, record, keepSources, undecided, unassigned);
  }
  return { totals: closeTotals(slots), undecided: [...undecided.values()], unassigned };
}

function openSlot(
  slots: Map<string, ResourceSlot>,
  resourceId: string,
  index: AssignmentsByResource,
): ResourceSlot | undefined {
  const assignments = index.get(resourceId);
  if (assignments === undefined) return undefined;
  const byVersion = new Map<string, VersionTotals>();
  const totals = assignments.map(({ planVersionId }) => {
    const found = byVersion.get(planVersionId) ?? (new Map() as VersionTotals);
    byVersion.set(planVersionId, found);
    return found;
  });
  const slot = { assignments, totals };
  slots.set(resourceId, slot);
  return slot;
}

/** Place of the one assignment that covers the whole record, or -1. */
function coveringAssignment(slot: ResourceSlot, record: UsageRecord): number {
  for (let place = slot.assignments.length - 1; place >= 0; place -= 1) {
    const assignment = slot.assignments[place] as Assignment;
    if (assignment.fromNs > record.fromNs) continue;
    return assignment.toNs === null || record.toNs <= assignment.toNs ? place : -1;
  }
  return -1;
}

function addRecord(
  totals: VersionTotals,
  slot: ResourceSlot | undefined,
  place: number,
  record: UsageRecord,
  keepSources: boolean,
): void {
  let ofMeter = totals.get(record.meter);
  if (ofMeter === undefined) totals.set(record.meter, (ofMeter = []));
  let total: MutableTotal | undefined;
  for (const each of ofMeter) {
    if (each.state === record.state) {
      total = each;
      break;
    }
  }
  if (total === undefined) {
    const planVersionId = slot?.assignments[place]?.planVersionId ?? '';
    const { resourceId, meter, state } = record;
    total = {
      resourceId,
      planVersionId,
      meter,
      state,
      quantity: 0n,
      recordCount: 0,
      uncut: false,
      provisional: false,
      sources: [],
    };
    ofMeter.push(total);
  }
  total.quantity += record.quantity;
  total.recordCount += 1;
  if (record.uncut) total.uncut = true;
  if (record.provisional) total.provisional = true;
  if (keepSources) total.sources.push(record);
}

/** A record over a change of plan, or outside every assignment. */
function settleUncovered(
  slot: ResourceSlot | undefined,
  record: UsageRecord,
  keepSources: boolean,
  undecided: Map<string, UndecidedSpan>,
  unassigned: UsageRecord[],
): void {
  const touching: number[] = [];
  slot?.assignments.forEach((assignment, place) => {
    if (assignment.fromNs < record.toNs && record.fromNs < endOf(assignment)) touching.push(place);
  });
  const first = touching[0];
  if (slot === undefined || first === undefined) {
    unassigned.push(record);
    return;
  }
  const planVersionIds = [...new Set(touching.map((place) => slot.assignments[place]?.planVersionId ?? ''))];
  const missed: UsageRecord = { ...record, uncut: true };
  if (planVersionIds.length === 1) {
    addRecord(slot.totals[first] as VersionTotals, slot, first, missed, keepSources);
    return;
  }
  const key = joinKey(record.resourceId, record.incarnationId, record.fromSeq.toString());
  const span = undecided.get(key);
  const { resourceId, incarnationId, fromNs, fromSeq } = record;
  if (span !== undefined) (span.records as UsageRecord[]).push(missed);
  else undecided.set(key, { resourceId, incarnationId, fromNs, fromSeq, planVersionIds, records: [missed] });
}

function closeTotals(slots: ReadonlyMap<string, ResourceSlot>): readonly UsageTotal[] {
  const totals: UsageTotal[] = [];
  for (const slot of slots.values()) {
    for (const ofVersion of new Set(slot.totals)) {
      for (const ofMeter of ofVersion.values()) totals.push(...ofMeter);
    }
  }
  return totals;
}

/**
 * Usage of disjoint sets of records together: what was kept of past cuts, and what is new. Several totals of one key
 * are fine for the rater; `compactTotals` adds them up for keeping.
 */
export function mergeTotals(...parts: readonly UsageTotals[]): UsageTotals {
  return {
    totals: parts.flatMap((part) => part.totals),
    undecided: parts.flatMap((part) => part.undecided),
    unassigned: parts.flatMap((part) => part.unassigned),
  };
}

/** One total per (resource, plan version, meter, state). */
export function compactTotals(usage: UsageTotals): UsageTotals {
  const byKey = new Map<string, MutableTotal>();
  for (const total of usage.totals) {
    const key = joinKey(total.resourceId, total.planVersionId, total.meter, total.state);
    const found = byKey.get(key);
    if (found === undefined) {
      byKey.set(key, { ...total, sources: [...total.sources] });
      continue;
    }
    found.quantity += total.quantity;
    found.recordCount += total.recordCount;
    found.uncut ||= total.uncut;
    found.provisional ||= total.provisional;
    for (const source of total.sources) found.sources.push(source);
  }
  return { ...usage, totals: [...byKey.values()] };
}

/** A total of hypothetical usage (an estimate, a forecast, a slice on loan): it has no records behind it. */
export function hypotheticalTotal(
  total: Pick<UsageTotal, 'resourceId' | 'planVersionId' | 'meter' | 'state' | 'quantity'>,
): UsageTotal {
  // Spelled out: spreading an object is many times slower here, and estimates and leases make these by the thousand.
  return {
    resourceId: total.resourceId,
    planVersionId: total.planVersionId,
    meter: total.meter,
    state: total.state,
    quantity: total.quantity,
    recordCount: 0,
    uncut: false,
    provisional: true,
    sources: [],
  };
}
