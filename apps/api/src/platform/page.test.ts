import { describe, expect, test } from '@jest/globals';
import { pageOf, pageQuery, readCursor, writeCursor } from './page.js';
import { Refusal } from './problem.js';

describe('cursor pages', () => {
  test('following next_cursor visits every row once, whatever the page size', () => {
    const rows = Array.from({ length: 23 }, (_, index) => String(index).padStart(2, '0'));
    for (const limit of [1, 7, 22, 23, 24]) {
      const seen: string[] = [];
      let cursor: string | undefined;
      for (;;) {
        const after = readCursor(cursor, 1)?.[0];
        const found = rows.filter((row) => after === undefined || row > after).slice(0, limit + 1);
        const page = pageOf(found, limit, (row) => [row]);
        seen.push(...page.data);
        expect(page.page.has_more).toBe(page.page.next_cursor !== null);
        if (page.page.next_cursor === null) break;
        cursor = page.page.next_cursor;
      }
      expect(seen).toEqual(rows);
    }
  });

  test.each([
    'x',
    'x.y',
    '..',
    'null',
    writeCursor(['a', 'b']),
    `${writeCursor(['a'])}x`,
    writeCursor(['a']).slice(1),
    '😀',
  ])('the cursor %p is refused', (cursor) => expect(() => readCursor(cursor, 1)).toThrow(Refusal));

  test('limit is 50 unless it is given, and a whole number from 1 to 200', () => {
    expect(pageQuery.parse({}).limit).toBe(50);
    expect(pageQuery.parse({ limit: '200' }).limit).toBe(200);
    for (const limit of ['0', '201', '1.5', 'ten', '-1', 'Infinity'])
      expect(pageQuery.safeParse({ limit }).success).toBe(false);
  });
});
