import type { GrantPlace } from '../memory/address-space.js';
import type { ActiveGrant } from './active-grant.js';
import type { GrantTable } from './grant-table.js';

/** One mapping that a domain made of somebody's grant. It has two parts, which may end at different times. */
export interface GrantMapping {
  readonly granter: GrantTable;
  readonly grant: ActiveGrant;
  readonly write: boolean;
  readonly containsPte: boolean;
  /** Where the CPU reaches it; null when only a device does, or did. */
  place: GrantPlace | null;
  device: boolean;
}

/**
 * Design: what a domain has mapped, by handle. A handle is an index into the domain's own list, so it can name nothing
 * of anybody else's, guessed or not. Handles that were given back are used again, last first.
 */
export class Maptrack {
  private readonly slots: (GrantMapping | null)[] = [];
  private readonly freed: number[] = [];

  constructor(readonly entriesMax: number) {}

  get size(): number {
    return this.slots.length - this.freed.length;
  }

  get full(): boolean {
    return this.size >= this.entriesMax;
  }

  get(handle: number): GrantMapping | null {
    return this.slots[handle] ?? null;
  }

  /** Takes a slot; the caller has looked that there is one. */
  add(mapping: GrantMapping): number {
    const handle = this.freed.pop() ?? this.slots.length;
    this.slots[handle] = mapping;
    return handle;
  }

  remove(handle: number): void {
    this.slots[handle] = null;
    this.freed.push(handle);
  }

  *entries(): IterableIterator<[number, GrantMapping]> {
    for (const [handle, mapping] of this.slots.entries()) if (mapping !== null) yield [handle, mapping];
  }
}
