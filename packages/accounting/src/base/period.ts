import { assert } from './assert.js';

/** A half-open span of UTC: from <= t < to, both in ns since 1970-01-01T00:00:00Z. */
export interface Period {
  readonly fromNs: bigint;
  readonly toNs: bigint;
}

export const SECOND_NS = 1_000_000_000n;
export const MINUTE_NS = 60n * SECOND_NS;
export const QUARTER_HOUR_NS = 15n * MINUTE_NS;
export const HOUR_NS = 60n * MINUTE_NS;
export const DAY_NS = 24n * HOUR_NS;

export function period(fromNs: bigint, toNs: bigint): Period {
  assert(fromNs <= toNs, `period: from ${fromNs} is after to ${toNs}`);
  return { fromNs, toNs };
}

export function contains(span: Period, instantNs: bigint): boolean {
  return span.fromNs <= instantNs && instantNs < span.toNs;
}

export function overlaps(a: Period, b: Period): boolean {
  return a.fromNs < b.toNs && b.fromNs < a.toNs;
}

export function lengthNs(span: Period): bigint {
  return span.toNs - span.fromNs;
}
