import { describe, expect, test } from '@jest/globals';
import { balanceShares } from './balance';

const balance = {
  elapsed_ns: '9007199254740994000',
  own_ns: '4503599627370497000',
  onbehalf_ns: '1',
  overhead_ns: '0',
  idle_ns: '4503599627370496999',
  lost_ns: '0',
};

describe('host balance', () => {
  test('shares are of the exact sum, and a nanosecond is not nothing', () => {
    const texts = Object.fromEntries(balanceShares(balance).map((share) => [share.name, share.text]));
    expect(texts).toEqual({ own: '50.0%', 'on behalf': '<0.1%', overhead: '0%', idle: '50.0%', lost: '0%' });
  });

  test('a host that has just started divides nothing by nothing', () => {
    const zero = { ...balance, own_ns: '0', onbehalf_ns: '0', idle_ns: '0' };
    expect(balanceShares(zero).every((share) => share.value === 0)).toBe(true);
  });
});
