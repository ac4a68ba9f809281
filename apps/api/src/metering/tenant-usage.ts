/**
 * The usage of a tenant as records between cuts, with the live tail behind the last cut.
 *
 * Design. Cuts are append-only, so what was folded stays folded: the process keeps each incarnation's records and asks
 * the database only for newer cuts and for the heads. The memory is a copy that can be dropped at any time.
 * Invariant: the records of an incarnation tile its life; folding again from the database gives the same records.
 */
import { Injectable } from '@nestjs/common';
import {
  foldCuts,
  liveTail,
  METER_VECTORS,
  telescope,
  type Cut,
  type UsageRecord,
} from '@xenorack/accounting';
import { TenantClock, TenantClocks } from './tenant-clock.js';
import { UsageStore, type CutRow, type IncarnationRow } from './usage.store.js';

export interface TenantUsage {
  incarnations: IncarnationRow[];
  clock: TenantClock;
  /** Every record of the tenant's life, the live tail included, labels in the tenant's own time. */
  records: UsageRecord[];
  /** Label of the newest reading, in the tenant's own time; null without any. */
  meteredToNs: bigint | null;
}

interface Folded {
  last: CutRow;
  /** Spans that nothing will be joined to any more. */
  settled: UsageRecord[];
  /** Spans that grow while quarter-hour cuts follow. */
  growing: readonly UsageRecord[];
}

interface TenantMemory {
  jumps: number;
  byIncarnation: Map<string, Folded>;
}

/** How many tenants' folds a process keeps; the least recently used one goes first. */
const TENANTS_MAX = 1_000;
/** No zone is further from UTC. */
const ZONE_OFFSET_MAX_NS = 14n * 3_600n * 1_000_000_000n;

@Injectable()
export class TenantUsages {
  private readonly memory = new Map<string, TenantMemory>();

  constructor(
    private readonly store: UsageStore,
    private readonly clocks: TenantClocks,
  ) {}

  async of(tenantId: string): Promise<TenantUsage> {
    const clock = await this.clocks.of(tenantId);
    const incarnations = await this.store.incarnationsOf(tenantId);
    const memory = this.recall(tenantId, clock);
    const stale = incarnations.filter((i) => memory.byIncarnation.get(i.id)?.last.utcNs !== i.cutUtcNs);
    const known = stale.map((i) => ({
      incarnationId: i.id,
      seq: memory.byIncarnation.get(i.id)?.last.seq ?? -1n,
    }));
    const newer = new Map<string, CutRow[]>();
    for (const cut of await this.store.cutsAfter(known)) {
      const list = newer.get(cut.incarnationId);
      if (list) list.push(cut);
      else newer.set(cut.incarnationId, [cut]);
    }
    const records: UsageRecord[] = [];
    let meteredToNs: bigint | null = null;
    for (const incarnation of incarnations) {
      const folded = foldInto(memory, incarnation, newer.get(incarnation.id) ?? [], clock);
      if (!folded) continue;
      for (const span of folded.settled) records.push(span);
      records.push(...folded.growing, ...tailOf(incarnation, folded.last, clock));
      const label = incarnation.head.utcNs + clock.offsetAt(incarnation.hostId, incarnation.head.utcNs);
      if (meteredToNs === null || label > meteredToNs) meteredToNs = label;
    }
    return { incarnations, clock, records, meteredToNs };
  }

  private recall(tenantId: string, clock: TenantClock): TenantMemory {
    let memory = this.memory.get(tenantId);
    // A jump changes labels that were folded without it.
    if (!memory || memory.jumps !== clock.jumpCount)
      memory = { jumps: clock.jumpCount, byIncarnation: new Map() };
    this.memory.delete(tenantId);
    this.memory.set(tenantId, memory);
    if (this.memory.size > TENANTS_MAX) this.memory.delete(this.memory.keys().next().value!);
    return memory;
  }
}

/** Usage records between the cuts of one incarnation, labels moved by the tenant's clock. */
export function foldIncarnation(
  incarnation: IncarnationRow,
  cuts: CutRow[],
  clock: TenantClock,
): UsageRecord[] {
  return pagesBetweenJumps(incarnation, cuts, clock).flatMap((page) => {
    const folded = foldCuts(refOf(incarnation), page);
    // Ingest refuses what this could refuse; reaching it means the stored cuts were tampered with.
    if (!folded.ok) throw new Error(folded.error.message);
    return folded.value;
  });
}

function foldInto(
  memory: TenantMemory,
  incarnation: IncarnationRow,
  fetched: CutRow[],
  clock: TenantClock,
): Folded | null {
  const before = memory.byIncarnation.get(incarnation.id);
  // Another reading of the same tenant may have folded some of them while these were on their way.
  const newer = fetched.filter((cut) => cut.seq > (before?.last.seq ?? -1n));
  if (newer.length === 0) return before ?? null;
  const cuts = before ? [before.last, ...newer] : newer;
  const edges = new Set(cuts.filter((cut) => isEdge(cut, clock, incarnation.hostId)).map((cut) => cut.seq));
  const settled = before?.settled ?? [];
  let growing: UsageRecord[] = [...(before?.growing ?? [])];
  let lastSeq = -1n;
  for (const record of foldIncarnation(incarnation, cuts, clock)) {
    if (record.fromSeq !== lastSeq && edges.has(record.fromSeq)) {
      for (const span of telescope(growing)) settled.push(span);
      growing = [];
    }
    lastSeq = record.fromSeq;
    growing.push(record);
  }
  const folded = { last: cuts.at(-1)!, settled, growing: telescope(growing) };
  memory.byIncarnation.set(incarnation.id, folded);
  return folded;
}

/**
 * Whether spans must not be joined across a cut. Quarter-hour cuts only keep spans undivided by a month, so they are
 * edges just where a month may start in some zone: within 14 hours of the turn of a UTC month.
 */
function isEdge(cut: CutRow, clock: TenantClock, hostId: string): boolean {
  if (cut.reason !== 'quarter-hour') return true;
  const label = cut.utcNs + clock.offsetAt(hostId, cut.utcNs);
  const monthOf = (ns: bigint) => new Date(Number(ns / 1_000_000n)).getUTCMonth();
  return monthOf(label - ZONE_OFFSET_MAX_NS) !== monthOf(label + ZONE_OFFSET_MAX_NS);
}

function tailOf(incarnation: IncarnationRow, last: CutRow, clock: TenantClock): readonly UsageRecord[] {
  const { head } = incarnation;
  // The cuts were read after the head: one that came in between leaves no tail behind it.
  if (head.seq <= last.seq) return [];
  const offset = clock.offsetAt(incarnation.hostId, head.utcNs);
  const tail = liveTail(
    refOf(incarnation),
    toCut(incarnation, last, clock.offsetAt(incarnation.hostId, last.utcNs)),
    {
      seq: head.seq,
      utcNs: head.utcNs + offset,
      values: head.values,
    },
  );
  if (!tail.ok) throw new Error(tail.error.message);
  return tail.value;
}

/** Cuts in runs of one clock offset; the cut of a jump ends one run by its old label and starts the next by its new. */
function pagesBetweenJumps(incarnation: IncarnationRow, cuts: CutRow[], clock: TenantClock): Cut[][] {
  const pages: Cut[][] = [[]];
  let offset = cuts[0] ? offsetBefore(clock, incarnation.hostId, cuts[0].utcNs) : 0n;
  for (const cut of cuts) {
    pages.at(-1)!.push(toCut(incarnation, cut, offset));
    const after = clock.offsetAt(incarnation.hostId, cut.utcNs);
    if (after === offset) continue;
    pages.push([toCut(incarnation, cut, after)]);
    offset = after;
  }
  return pages;
}

function offsetBefore(clock: TenantClock, hostId: string, utcNs: bigint): bigint {
  return clock.offsetAt(hostId, utcNs - 1n);
}

function toCut(incarnation: IncarnationRow, cut: CutRow, offsetNs: bigint): Cut {
  return {
    seq: cut.seq,
    hostNs: cut.hostNs,
    utcNs: cut.utcNs + offsetNs,
    kind: cut.kind,
    reason: 'state',
    // A volume is there or not; accounting asks in which state of a domain a meter runs, and a volume's all may.
    state: incarnation.resourceKind === 'volume' ? 'running' : cut.state,
    values: cut.values,
  };
}

function refOf(incarnation: IncarnationRow) {
  return {
    incarnationId: incarnation.id,
    resourceId: incarnation.resourceId,
    meters: METER_VECTORS[`${incarnation.resourceKind}.v1`].meters.map((meter) => meter.name),
  };
}
