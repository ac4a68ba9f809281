import { describe, expect, test } from '@jest/globals';
import { fineDecimals, formatMoney, formatRate, moneyParts } from './money';

const eur = (amount: string) => ({ amount, currency: 'EUR' });

describe('money', () => {
  test('the digits below a cent are apart from those a bank prints', () => {
    expect(moneyParts(eur('18.427456789012'), 6)).toEqual({
      sign: '',
      symbol: '€',
      strong: '18.42',
      faint: '7456',
    });
  });

  test('a running amount is cut, never rounded up', () => {
    expect(formatMoney(eur('0.999999'))).toBe('€0.99');
  });

  test('an amount that is not zero never reads as zero', () => {
    expect(formatMoney(eur('0.000001'))).toBe('<€0.01');
    expect(formatMoney(eur('0'))).toBe('€0.00');
    expect(formatMoney(eur('0.004'), 4)).toBe('€0.0040');
  });

  test('an amount below a cent gets three more decimals, as far as it has them', () => {
    expect(fineDecimals(eur('0.000011000000'), 4)).toBe(7);
    expect(fineDecimals(eur('0.00001'), 4)).toBe(5);
    expect(fineDecimals(eur('0.000000000070'), 6)).toBe(12);
    expect(fineDecimals(eur('0.011000000000'), 4)).toBe(4);
    expect(fineDecimals(eur('0'), 4)).toBe(4);
  });

  test('thousands are separated and amounts beyond a double stay exact', () => {
    expect(formatMoney(eur('90071992547409931.25'))).toBe('€90,071,992,547,409,931.25');
    expect(formatMoney(eur('-1234.5'))).toBe('−€1,234.50');
  });

  test('currencies keep their own decimals; an unknown code is printed as it is', () => {
    expect(formatMoney({ amount: '1200', currency: 'JPY' })).toBe('¥1,200');
    expect(formatMoney({ amount: '1', currency: 'ZZTOP' })).toBe('ZZTOP 1.00');
  });

  test('rates show three figures however small they are', () => {
    expect(formatRate(eur('0.046251'))).toBe('€0.0462');
    expect(formatRate(eur('0.000031459'))).toBe('€0.0000314');
    expect(formatRate(eur('0.0031'))).toBe('€0.0031');
    expect(formatRate(eur('0'))).toBe('€0.00');
    expect(formatRate(eur('12.5'))).toBe('€12.5000');
  });
});
