import { describe, expect, test } from '@jest/globals';
import { picoText } from './pico';

describe('pico amounts', () => {
  test('whole numbers become decimal text, at any length', () => {
    expect(picoText('54000000000')).toBe('0.054000000000');
    expect(picoText('-1')).toBe('-0.000000000001');
    expect(picoText('90071992547409930000000000000')).toBe('90071992547409930.000000000000');
  });

  test('fractions are cut and say so; whole ones do not', () => {
    expect(picoText('10/3')).toBe('0.000000000003…');
    expect(picoText('6/3')).toBe('0.000000000002');
  });

  test('what cannot be read is shown as it came', () => {
    for (const text of ['', 'x', '1/0', '1.5']) expect(picoText(text)).toBe(text);
  });
});
