/** The two clocks of a real machine: one that never jumps and one that people read. */

export interface WallClock {
  /** Monotonic ns since an arbitrary instant; never goes back. */
  monotonicNs(): bigint;
  /** UTC ns since 1970; may be stepped by an administrator or by NTP. */
  utcNs(): bigint;
}

/**
 * The real clocks; `utcOffsetNs` moves UTC, for tests that need a quarter hour soon.
 * Node offers the wall clock with 1 ms resolution, which is enough to notice a step.
 */
export function realClock(utcOffsetNs = 0n): WallClock {
  return {
    monotonicNs: () => process.hrtime.bigint(),
    utcNs: () => BigInt(Date.now()) * 1_000_000n + utcOffsetNs,
  };
}
