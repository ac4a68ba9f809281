import type { FrameTable } from './frame-table.js';
import { type PageEntry, readEntry } from './page-entry.js';

const HALF = 1n << 47n;
const TOP = (1n << 64n) - HALF;

/** The indices at levels 4, 3, 2, 1 of a canonical 48-bit address; null for one that is not canonical. */
export function splitAddress(address: bigint): [number, number, number, number] | null {
  if (address < 0n || (address >= HALF && address < TOP) || address >= 1n << 64n) return null;
  const page = Number((address & ((1n << 48n) - 1n)) >> 12n);
  return [Math.floor(page / 0x8000000), Math.floor(page / 0x40000) & 511, (page >> 9) & 511, page & 511];
}

/** One entry of a frame read as a table; null when the frame was never written. */
export function tableOf(frames: FrameTable, table: number, index: number): PageEntry | null {
  const bytes = frames.writtenBytesOf(table);
  return bytes === null ? null : readEntry(bytes, index);
}
