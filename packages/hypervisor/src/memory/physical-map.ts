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
    if (this.ownAt(gfn) !== null) this.slots[gfn] = NOTHING;
  }

  unmapGrant(gfn: number): void {
    if (this.grantAt(gfn) !== null) this.slots[gfn] = NOTHING;
  }

  /** The first empty slot from `from` on and below `below`. */
  firstFree(from: number, below: number): number | null {
    for (let gfn = from; gfn < below; gfn += 1) if (this.isEmpty(gfn)) return gfn;
    return null;
  }

  /** The highest guest frame number in use; -1 when there is none. */
  get highest(): number {
    while (this.end > 0 && this.isEmpty(this.end - 1)) this.end -= 1;
    return this.end - 1;
  }

  clear(): void {
    this.slots = new Uint32Array(0);
    this.end = 0;
  }

  /** Every filled slot, for the audit. */
  *filled(): Generator<{ gfn: number; mfn: number; grant: boolean }> {
    for (let gfn = 0; gfn < this.end; gfn += 1) {
      const slot = this.slots[gfn]!;
      if (slot !== NOTHING) yield { gfn, mfn: slot & MFN, grant: slot >= GRANT };
    }
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
