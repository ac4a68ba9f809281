/**
 * What a host reports about one incarnation at one instant (A2): the cumulative vector since its start.
 * Hashes are opaque text here; the proof floor makes them, ingest only compares them.
 */
export type ReadingKind = 'open' | 'inner' | 'cut' | 'close';

/** Why a cut was forced (A3). */
export type CutReason =
  'open' | 'quarter-hour' | 'price' | 'plan' | 'size' | 'state' | 'lease' | 'clock-jump' | 'close';

export interface Reading {
  /** Host, boot epoch and serial; see A1. */
  readonly incarnationId: string;
  /** 0 for the opening reading, then contiguous. */
  readonly seq: bigint;
  /** Host-monotonic ns. */
  readonly hostNs: bigint;
  /** UTC label, ns; a cut's label never moves. */
  readonly utcNs: bigint;
  readonly kind: ReadingKind;
  /** Cumulative counters in the order of the incarnation's vector. */
  readonly values: readonly bigint[];
  readonly hash: string;
  readonly prevHash: string;
}

/** Newest accepted reading of an incarnation, kept for ever (A4). */
export interface Head {
  readonly seq: bigint;
  readonly hash: string;
  readonly values: readonly bigint[];
  readonly closed: boolean;
}
