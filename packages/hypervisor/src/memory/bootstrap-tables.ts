import { assert, present } from '../base/assert.js';
import type { BootstrapLayout } from '../abi/guest-memory.js';
import type { AddressSpace } from './address-space.js';
import { ENTRIES_PER_TABLE, ENTRY, makeEntry, writeEntry } from './page-entry.js';

/** How many frames the tables and the list of machine frames take of `frames`. */
export function bootstrapFrames(frames: number): number {
  const l1 = Math.ceil(frames / ENTRIES_PER_TABLE);
  const l2 = Math.ceil(l1 / ENTRIES_PER_TABLE);
  const l3 = Math.ceil(l2 / ENTRIES_PER_TABLE);
  return l1 + l2 + l3 + 1 + l1;
}

/**
 * Lays out, at the end of the domain's own memory, tables that map all of it, writable but for the tables themselves,
 * and the list of its machine frames; pins the top level and points each vCPU at it.
 */
export function buildBootstrapTables(space: AddressSpace, vcpus: number): BootstrapLayout {
  const { frames, initialFrames } = space;
  const count = initialFrames.length;
  const take = (): number => present(space.takeInitialFrame(), 'memory for the first page tables');
  const top = take();
  const tables = new Set([top]);
  const levels: number[][] = [[top]];
  for (let level = 3; level >= 1; level -= 1) {
    const spanned = ENTRIES_PER_TABLE ** level;
    const made: number[] = [];
    for (let at = 0; at * spanned < count; at += 1) made.push(take());
    for (const mfn of made) tables.add(mfn);
    const above = levels.at(-1)!;
    made.forEach((mfn, at) => {
      const entry = makeEntry(mfn, ENTRY.writable | ENTRY.user);
      writeEntry(frames.bytesOf(above[Math.floor(at / ENTRIES_PER_TABLE)]!), at % ENTRIES_PER_TABLE, entry);
    });
    levels.push(made);
  }
  const tableBase = (count - 1) * 4096;
  const machineFrameList = writeMachineFrameList(space, take);
  const leaves = levels.at(-1)!;
  for (let gfn = 0; gfn < count; gfn += 1) {
    const mfn = initialFrames[gfn]!;
    const bits = tables.has(mfn) ? ENTRY.user : ENTRY.user | ENTRY.writable;
    const leaf = frames.bytesOf(leaves[Math.floor(gfn / ENTRIES_PER_TABLE)]!);
    writeEntry(leaf, gfn % ENTRIES_PER_TABLE, makeEntry(mfn, bits));
  }
  assert(frames.pin(top, space.domId, 4) === 0, () => `domain ${space.domId}: its first tables are unsound`);
  for (let vcpu = 0; vcpu < vcpus; vcpu += 1) space.setBase(vcpu, top);
  return { virtualBase: 0, tableBase, tableFrames: tables.size, machineFrameList };
}

/** @returns The virtual address of the list. */
function writeMachineFrameList(space: AddressSpace, take: () => number): number {
  const { frames, initialFrames } = space;
  const length = Math.ceil(initialFrames.length / ENTRIES_PER_TABLE);
  const list: number[] = [];
  for (let at = 0; at < length; at += 1) list.unshift(take());
  initialFrames.forEach((mfn, gfn) => {
    const bytes = frames.bytesOf(list[Math.floor(gfn / ENTRIES_PER_TABLE)]!);
    writeEntry(bytes, gfn % ENTRIES_PER_TABLE, { low: mfn, high: 0 });
  });
  return space.ordinaryFrames * 4096;
}
