import { describe, expect, test } from '@jest/globals';
import { checkQuotas } from './check-quotas.js';

const quota = (name: string, limit: bigint | null, used: bigint, reserved: bigint, requested: bigint) => ({
  name,
  unit: 'pieces',
  limit,
  used,
  reserved,
  requested,
});

describe('quotas', () => {
  test('C1: every breached quota is named with what is missing, reserved counts like used', () => {
    const answer = checkQuotas([
      quota('domains', 10n, 8n, 2n, 1n),
      quota('vcpus', 20n, 10n, 5n, 5n),
      quota('memory', 100n, 90n, 0n, 30n),
    ]);
    expect(answer.ok ? [] : answer.breaches.map((breach) => [breach.name, breach.shortBy])).toEqual([
      ['domains', 1n],
      ['memory', 20n],
    ]);
  });

  test('C1: exactly the limit fits, no limit never breaches, and a lowered limit does not refuse a request of nothing', () => {
    expect(checkQuotas([quota('domains', 10n, 9n, 0n, 1n)]).ok).toBe(true);
    expect(checkQuotas([quota('domains', null, 10n ** 30n, 0n, 1n)]).ok).toBe(true);
    expect(checkQuotas([quota('domains', 1n, 9n, 0n, 0n)]).ok).toBe(true);
    expect(checkQuotas([quota('domains', 0n, 0n, 0n, 1n)]).ok).toBe(false);
  });
});
