import { describe, expect, test } from '@jest/globals';
import { isSpent } from './lease-series.js';
import type { LeaseRow } from './lease.store.js';

const lease = (state: LeaseRow['state']): LeaseRow => ({
  id: 'lea_1',
  tenantId: 'ten_1',
  hostId: 'hst_1',
  epoch: 1,
  generation: 3,
  sinceUtcNs: 1n,
  periodStartNs: 0n,
  items: [],
  policy: 'pause',
  authorisedPico: 11_000n,
  sentPico: 11_000n,
  drawnPico: 1_000n,
  state,
  expiresAt: new Date(0),
});

describe('a lease is spent', () => {
  test.each<[LeaseRow['state'], bigint, boolean]>([
    ['active', 10_999n, false],
    ['active', 11_000n, true],
    ['active', 12_000n, true],
    // What an act did not fit into is less than a hundredth of the 10,000 on loan.
    ['exhausted', 10_900n, true],
    ['exhausted', 10_899n, false],
    // The host is ahead of its readings: money seems to be left, and the next readings decide.
    ['exhausted', 5_000n, false],
  ])('%s with %d of 11,000 drawn: %p', (state, drawn, expected) => {
    expect(isSpent(lease(state), drawn)).toBe(expected);
  });
});
