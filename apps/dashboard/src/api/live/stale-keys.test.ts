import { describe, expect, test } from '@jest/globals';
import { queryKeys } from '../query-keys';
import { staleKeys } from './stale-keys';

describe('stale keys', () => {
  test('an event refreshes what its noun touches, and always the feed', () => {
    expect(staleKeys('domain.created')).toContain(queryKeys.domains);
    expect(staleKeys('limit.breached')).toContain(queryKeys.budgets);
    expect(staleKeys('limit.breached')).toContain(queryKeys.domains);
    expect(staleKeys('invoice.issued')).toContain(queryKeys.invoices);
    for (const type of ['domain.created', 'budget.updated', 'invoice.issued', 'something.new']) {
      expect(staleKeys(type)).toContain(queryKeys.events);
    }
  });
});
