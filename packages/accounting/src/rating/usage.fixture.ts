import type { UsageRecord } from '../usage/usage-record.js';
import type { Assignment } from './assignment.js';

/** Test data only: one use of a meter, by default in a span of one ns at the period's start. */
export type Use = readonly [
  resourceId: string,
  meter: string,
  state: string,
  quantity: bigint,
  fromNs?: bigint,
  toNs?: bigint,
];

export function record(
  [resourceId, meter, state, quantity, fromNs = 0n, toNs = fromNs + 1n]: Use,
  seq = 0n,
): UsageRecord {
  const span = { fromNs, toNs, fromSeq: seq, toSeq: seq + 1n, uncut: false, provisional: false };
  return { resourceId, incarnationId: `i-${resourceId}`, meter, state, quantity, ...span };
}

export function assigned(
  resourceId: string,
  planVersionId: string,
  fromNs = 0n,
  toNs: bigint | null = null,
  scope = resourceId,
): Assignment {
  return { resourceId, capScopeId: scope, planVersionId, fromNs, toNs };
}
