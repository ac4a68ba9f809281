import { describe, expect, test } from '@jest/globals';
import { LIMITS } from '../limits.js';
import { auditFewGrants, auditGrants } from './audit-grants.js';
import type { GrantTable } from './grant-table.js';
import { Maptrack } from './maptrack.js';

/** A domain that claims to have mapped so much, and refuses to be looked at more closely. */
function mapper(mappings: number): GrantTable {
  const maptrack = new Maptrack(mappings);
  Object.defineProperty(maptrack, 'size', { get: () => mappings });
  maptrack.entries = () => {
    throw new Error('recounted');
  };
  return { maptrack, held: {}, lent: {} } as unknown as GrantTable;
}

describe('recounting grants', () => {
  test('R13 a reading of the books recounts few mappings, and never as many as guests may make', () => {
    const half = LIMITS.grantsRecountedMax / 2;
    expect(() => auditFewGrants([mapper(half), mapper(half)])).toThrow('recounted');
    expect(() => auditFewGrants([mapper(half), mapper(half + 1)])).not.toThrow();
    expect(() => auditGrants([mapper(half), mapper(half + 1)])).toThrow('recounted');
  });
});
