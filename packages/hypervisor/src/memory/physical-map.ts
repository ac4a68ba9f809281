const NOTHING = 0xffff_ffff;
const GRANT = 0x8000_0000;
const READ_ONLY = 0x4000_0000;
const MFN = 0x3fff_ffff;

/**
 * Design: the map of an auto-translated domain from guest frame numbers to machine frames (P2M), kept by Xen. A slot
 * holds a frame of the domain's own, or a frame mapped through a grant, or nothing.
 */
export class PhysicalMap {
  private slots: Uint32Array;
  /** One above the highest slot that was ever filled. */
  private end: number;
  /** What the last search found filled: no slot from `searchedFrom` to before `searchedTo` is empty. */
  private searchedFrom = 0;
  private searchedTo = 0;

  constructor(initialFrames: Uint32Array) {
    this.slots = initialFrames.slice();
    this.end = initialFrames.length;
  }

  /** The domain's own frame at `gfn`; null for a grant or nothing. */
  ownAt(gfn: number): number | null {
    const slot = this.slots[gfn] ?? NOTHING;
    return slot >= GRANT ? null : slot;
  }

  grantAt(gfn: number): { mfn: number; writable: boolean } | null {
    const slot = this.slots[gfn] ?? NOTHING;
    if (slot === NOTHING || slot < GRANT) return null;
    return { mfn: slot & MFN, writable: (slot & READ_ONLY) === 0 };
  }

  /** The frame a guest reaches at `gfn`, for reading or for writing; null is a fault. */
  reach(gfn: number, write: boolean): number | null {
    const slot = this.slots[gfn] ?? NOTHING;
    if (slot < GRANT) return slot;
    if (slot === NOTHING || (write && slot & READ_ONLY)) return null;
    return slot & MFN;
  }

  isEmpty(gfn: number): boolean {
    return (this.slots[gfn] ?? NOTHING) === NOTHING;
  }

  /** False when something is there. */
  setOwn(gfn: number, mfn: number): boolean {
    return this.fill(gfn, mfn);
  }

  mapGrant(gfn: number, mfn: number, writable: boolean): boolean {
    return this.fill(gfn, (GRANT | (writable ? 0 : READ_ONLY) | mfn) >>> 0);
  }

  /** Empties a slot of the domain's own. */
  removeOwn(gfn: number): void {
    if (this.ownAt(gfn) !== null) this.empty(gfn);
  }

  unmapGrant(gfn: number): void {
    if (this.grantAt(gfn) !== null) this.empty(gfn);
  }

  /** The first empty slot from `from` on and below `below`; what a search found filled the next one passes over. */
  firstFree(from: number, below: number): number | null {
    const known = this.searchedFrom <= from && from < this.searchedTo;
    let gfn = known ? this.searchedTo : from;
    while (gfn < below && !this.isEmpty(gfn)) gfn += 1;
    if (!known) this.searchedFrom = from;
    this.searchedTo = gfn;
    return gfn < below ? gfn : null;
  }

  /**
   * The highest guest frame number that was ever in use; -1 when none was. It never falls, as Xen's `max_mapped_pfn`:
   * looking for the highest one left would cost a walk over the whole map, for one cheap call.
   */
  get highest(): number {
    return this.end - 1;
  }

  clear(): void {
    this.slots = new Uint32Array(0);
    this.end = 0;
    this.searchedTo = 0;
  }

  /** Every filled slot, for the audit. */
  *filled(): Generator<{ gfn: number; mfn: number; grant: boolean }> {
    for (let gfn = 0; gfn < this.end; gfn += 1) {
      const slot = this.slots[gfn]!;
      if (slot !== NOTHING) yield { gfn, mfn: slot & MFN, grant: slot >= GRANT };
    }
  }

  private empty(gfn: number): void {
    this.slots[gfn] = NOTHING;
    if (gfn < this.searchedTo) this.searchedTo = gfn;
  }

  private fill(gfn: number, slot: number): boolean {
    if (!this.isEmpty(gfn)) return false;
    if (gfn >= this.slots.length) {
      const grown = new Uint32Array(Math.max(gfn + 1, Math.ceil((this.slots.length * 5) / 4))).fill(NOTHING);
      grown.set(this.slots);
      this.slots = grown;
    }
    this.slots[gfn] = slot;
    this.end = Math.max(this.end, gfn + 1);
    return true;
  }
}
