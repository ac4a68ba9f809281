import { describe, expect, test } from '@jest/globals';
import { isId, newId } from './ids.js';

describe('ids', () => {
  test('ids made later sort later, also within one millisecond', () => {
    const ids = Array.from({ length: 20_000 }, () => newId('dom'));
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('an id is its prefix and 26 lower-case Crockford characters', () => {
    expect(newId('ten')).toMatch(/^ten_[0-9a-hjkmnp-tv-z]{26}$/);
    expect(isId('ten', newId('ten'))).toBe(true);
  });

  test.each([
    'ten',
    'ten_',
    'dom_01jd5yh2m3x8k4z7q9w0v1t2s3',
    'ten_01jd5yh2m3x8k4z7q9w0v1t2s',
    'ten_01JD5YH2M3X8K4Z7Q9W0V1T2S3',
    'ten_81jd5yh2m3x8k4z7q9w0v1t2s3',
    'ten_01jd5yh2m3x8k4z7q9w0v1t2si',
    7,
    null,
  ])('%p is not the id of a tenant', (text) => expect(isId('ten', text)).toBe(false));
});
