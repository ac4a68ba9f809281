/**
 * UTC labels of host instants.
 *
 * Design. Elapsed time is always the host's own; UTC is only a label beside it. While the wall clock is steady,
 * label = utc at an anchor + host ns since that anchor. When the wall clock is found ahead by more than
 * STEP_NS the label jumps forward to it; when it is found behind, labels run at half speed until the wall clock has
 * caught up. After a restart the first label lies after the last durable one of the former epoch, by the same rule.
 *
 * Invariants. Labels never go back (at half speed two neighbouring nanoseconds share one) and are a pure function of host
 * ns between two corrections; `hostNsOf` is the exact inverse, so the host can be stepped to the very ns of a label.
 * A correction changes labels to come, never an elapsed amount.
 *
 * Units. Nanoseconds throughout.
 */

/** A smaller difference is reading noise (the wall clock has 1 ms resolution), not a step. */
export const STEP_NS = 20_000_000n;

export class UtcLabel {
  private anchorHostNs = 0n;
  private anchorUtcNs: bigint;
  /** How far the labels were ahead of the wall clock at the anchor. */
  private aheadNs: bigint;

  /** `utcNs` is the wall clock at host ns 0; `afterUtcNs` is the highest label ever given before. */
  constructor(utcNs: bigint, afterUtcNs: bigint) {
    this.anchorUtcNs = utcNs > afterUtcNs ? utcNs : afterUtcNs + 1n;
    this.aheadNs = this.anchorUtcNs - utcNs;
  }

  /** Label of a host instant at or after the last correction. */
  labelOf(hostNs: bigint): bigint {
    const sinceNs = hostNs - this.anchorHostNs;
    const halfNs = sinceNs / 2n;
    return this.anchorUtcNs + sinceNs - (halfNs < this.aheadNs ? halfNs : this.aheadNs);
  }

  /** The first host instant that has this label. */
  hostNsOf(utcNs: bigint): bigint {
    const sinceUtcNs = utcNs - this.anchorUtcNs;
    // At half speed the label after 2n - 1 and after 2n - 1 + 1 host ns is n: the first of them is 2n - 1.
    const slow = sinceUtcNs <= 0n ? 0n : 2n * sinceUtcNs - 1n;
    const sinceNs = slow / 2n < this.aheadNs ? slow : sinceUtcNs + this.aheadNs;
    return this.anchorHostNs + sinceNs;
  }

  /**
   * Compares with the wall clock, whose time at `hostNs` is `utcNs`. Answers null when they agree, else the
   * label before and after the correction (equal when the wall clock was behind).
   */
  correct(hostNs: bigint, utcNs: bigint): { fromUtcNs: bigint; toUtcNs: bigint } | null {
    const label = this.labelOf(hostNs);
    const sinceNs = hostNs - this.anchorHostNs;
    const leftNs = this.aheadNs - (sinceNs / 2n < this.aheadNs ? sinceNs / 2n : this.aheadNs);
    const stepNs = utcNs - (label - leftNs);
    if (stepNs > -STEP_NS && stepNs < STEP_NS) return null;
    const toUtcNs = utcNs > label ? utcNs : label;
    this.anchorHostNs = hostNs;
    this.anchorUtcNs = toUtcNs;
    this.aheadNs = toUtcNs - utcNs;
    return { fromUtcNs: label, toUtcNs };
  }
}
