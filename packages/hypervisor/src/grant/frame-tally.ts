/** Counts distinct frames, each of which may be held several times. */
export class FrameTally {
  private readonly times = new Map<number, number>();

  /** How many frames are held at least once. */
  get frames(): number {
    return this.times.size;
  }

  add(mfn: number): void {
    this.times.set(mfn, (this.times.get(mfn) ?? 0) + 1);
  }

  remove(mfn: number): void {
    const times = this.times.get(mfn) ?? 0;
    if (times > 1) this.times.set(mfn, times - 1);
    else this.times.delete(mfn);
  }

  equals(other: FrameTally): boolean {
    if (this.times.size !== other.times.size) return false;
    for (const [mfn, times] of this.times) if (other.times.get(mfn) !== times) return false;
    return true;
  }
}
