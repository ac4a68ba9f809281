import { assert } from '../base/assert.js';
import type { AddressSpace, GrantPlace } from './address-space.js';
import { FRAME, FRAME_TYPES, TYPE } from './frame-records.js';
import type { FrameTable } from './frame-table.js';
import {
  ENTRIES_PER_TABLE,
  frameIn,
  isGrant,
  isWritable,
  type PageEntry,
  presentAt,
  readEntry,
} from './page-entry.js';
import { isXenSlot } from './page-tables.js';

/** One reference that somebody other than a page table's entry holds: a general one, with a type one when it has a type. */
export interface HeldReference {
  mfn: number;
  type: 'l1' | 'l2' | 'l3' | 'l4' | 'writable' | 'shared' | null;
}

/**
 * Design: an independent recount. From the bytes of every table in use, the pins, and what holders outside say they
 * hold (base pointers, kernel frames, grant mappings), it counts what each frame's references and types must be, and
 * what each owner and the free list must hold. It believes no count of the frame table.
 * Cost: one look at each frame that was ever used, and at each entry of each table.
 */
export function auditFrames(frames: FrameTable, held: Iterable<HeldReference>): void {
  const { records } = frames;
  const mark = frames.free.highWaterMark;
  const counts = new Uint32Array(mark);
  const types = new Uint32Array(mark);
  const add = (mfn: number, type: number): void => {
    assert(mfn < mark && records.owner[mfn] !== 0, () => `frame ${mfn} is free and somebody refers to it`);
    counts[mfn]! += 1;
    if (type === TYPE.none) return;
    assert(
      records.type[mfn] === type,
      () => `frame ${mfn} is ${frames.typeOf(mfn)}, and is used as ${FRAME_TYPES[type]}`,
    );
    types[mfn]! += 1;
  };
  for (const { mfn, type } of held) add(mfn, type === null ? TYPE.none : TYPE[type]);
  for (let mfn = frames.xenFrames; mfn < mark; mfn += 1) {
    const flags = records.flags[mfn]!;
    if (flags & FRAME.allocated) add(mfn, TYPE.none);
    if (flags & FRAME.pinned) add(mfn, records.type[mfn]!);
    const level = frames.tableLevel(mfn);
    if (level > 0) addEntries(frames, mfn, level, add);
  }
  for (let mfn = frames.xenFrames; mfn < mark; mfn += 1) {
    assert(
      records.count[mfn] === counts[mfn],
      () => `frame ${mfn}: ${records.count[mfn]} references, ${counts[mfn]} found`,
    );
    assert(
      records.typeCount[mfn] === types[mfn],
      () => `frame ${mfn}: ${records.typeCount[mfn]} of type ${frames.typeOf(mfn)}, ${types[mfn]} found`,
    );
    assert(types[mfn]! <= counts[mfn]!, () => `frame ${mfn}: more types than references`);
    assert(
      (records.owner[mfn] !== 0) === counts[mfn]! > 0,
      () => `frame ${mfn}: owned by nobody and referred to, or the reverse`,
    );
  }
  auditOwners(frames, mark);
}

function addEntries(
  frames: FrameTable,
  table: number,
  level: number,
  add: (mfn: number, type: number) => void,
): void {
  const bytes = frames.writtenBytesOf(table);
  if (bytes === null) return;
  for (let index = 0; index < ENTRIES_PER_TABLE; index += 1) {
    if (!presentAt(bytes, index)) continue;
    assert(!isXenSlot(level, index), () => `frame ${table}: a guest's entry is in a slot of Xen's`);
    const entry = readEntry(bytes, index);
    const target = frameIn(entry);
    if (isGrant(entry)) assert(level === 1, () => `frame ${table}: a grant is mapped as a table`);
    else if (level === 1) addLeaf(entry, add);
    else if (target === table) assert(!isWritable(entry), () => `frame ${table} maps itself writable`);
    else add(target, frames.tableLevel(target) === level ? level : level - 1);
  }
}

function addLeaf(entry: PageEntry, add: (mfn: number, type: number) => void): void {
  add(frameIn(entry), isWritable(entry) ? TYPE.writable : TYPE.none);
}

/** Owners' lists hold exactly their frames, free blocks exactly the free ones, and all is all. */
function auditOwners(frames: FrameTable, mark: number): void {
  const { records } = frames;
  const seen = new Uint8Array(mark);
  let owned = 0;
  for (const account of frames.allAccounts()) {
    let listed = 0;
    let tables = 0;
    for (const mfn of frames.ownedBy(account.domId)) {
      assert(
        records.owner[mfn] === account.domId + 1 && seen[mfn] === 0,
        () => `frame ${mfn} is in the list of domain ${account.domId} and not its own`,
      );
      seen[mfn] = 1;
      listed += 1;
      if (frames.tableLevel(mfn) > 0) tables += 1;
    }
    assert(
      listed === account.owned,
      () => `domain ${account.domId}: ${account.owned} frames, ${listed} listed`,
    );
    assert(
      tables === account.tables,
      () => `domain ${account.domId}: ${account.tables} tables, ${tables} found`,
    );
    owned += listed;
  }
  let free = frames.totalFrames - mark;
  for (const { first, order } of frames.free.listedBlocks()) {
    for (let mfn = first; mfn < first + (1 << order); mfn += 1) {
      assert(
        records.owner[mfn] === 0 && seen[mfn] === 0,
        () => `frame ${mfn} is free and owned, or free twice`,
      );
      assert(frames.writtenBytesOf(mfn) === null, () => `frame ${mfn} is free and keeps bytes`);
      seen[mfn] = 1;
      free += 1;
    }
  }
  assert(frames.stolenFrames === 0, () => `${frames.stolenFrames} frames are between two owners`);
  assert(free === frames.freeFrames, () => `${frames.freeFrames} frames are free, ${free} listed`);
  assert(frames.promisedFrames <= free, () => `${frames.promisedFrames} frames are promised, ${free} free`);
  assert(
    owned + free + frames.xenFrames === frames.totalFrames,
    () => `${owned} owned, ${free} free, ${frames.xenFrames} of Xen: not all of ${frames.totalFrames}`,
  );
}

/**
 * Holds one domain's map, or the entries of its tables that grants made, against the places where its grants are mapped:
 * each once, and nothing else that is not its own.
 */
export function auditSpace(space: AddressSpace, places: readonly GrantPlace[]): void {
  const { frames, domId, map } = space;
  const expected = new Set(places.map((p) => (p.at === 'gfn' ? `${p.gfn}` : `${p.table}/${p.index}`)));
  assert(expected.size === places.length, () => `domain ${domId}: two grants are mapped at one place`);
  const found = new Set<string>();
  if (map === null) {
    for (const mfn of frames.ownedBy(domId))
      for (const index of grantEntries(frames, mfn)) found.add(`${mfn}/${index}`);
  } else {
    const own = new Set<number>();
    for (const { gfn, mfn, grant } of map.filled()) {
      if (grant) {
        found.add(`${gfn}`);
        continue;
      }
      assert(frames.ownerOf(mfn) === domId, () => `domain ${domId}: guest frame ${gfn} is not its own`);
      assert(!own.has(mfn), () => `domain ${domId}: frame ${mfn} is in its map twice`);
      assert(frames.records.gfn[mfn] === gfn + 1, () => `frame ${mfn}: machine to physical is not ${gfn}`);
      own.add(mfn);
    }
  }
  for (const place of expected)
    assert(found.has(place), () => `domain ${domId}: no grant is mapped at ${place}`);
  assert(found.size === expected.size, () => `domain ${domId}: a grant is mapped that it does not have`);
}

function grantEntries(frames: FrameTable, table: number): number[] {
  const bytes = frames.tableLevel(table) === 1 ? frames.writtenBytesOf(table) : null;
  if (bytes === null) return [];
  const found: number[] = [];
  for (let index = 0; index < ENTRIES_PER_TABLE; index += 1)
    if (isGrant(readEntry(bytes, index))) found.push(index);
  return found;
}
