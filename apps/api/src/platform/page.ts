import { createHash } from 'node:crypto';
import { z } from 'zod';
import { refuse } from './problem.js';

/** The query of every list: `?limit=50&cursor=...`. Extend it: `pageQuery.extend({ state: ... })`. */
export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50).describe('Rows per page, 1 to 200.'),
  cursor: z.string().max(512).optional().describe('The `next_cursor` of the page before.'),
});

export type PageQuery = z.infer<typeof pageQuery>;

export interface Page<T> {
  data: T[];
  page: { next_cursor: string | null; has_more: boolean };
}

/** The response schema of a list of `item`. */
export function pageSchema<T extends z.ZodType>(item: T) {
  return z.object({
    data: z.array(item),
    page: z.object({ next_cursor: z.string().nullable(), has_more: z.boolean() }),
  });
}

/**
 * A page out of `limit + 1` rows: ask the store for one more than the page holds, so that the page knows whether
 * another follows.
 * @param toCursor The parts that say where the next page begins, in the order `readCursor` gives them back.
 */
export function pageOf<T>(
  rows: readonly T[],
  limit: number,
  toCursor: (row: T) => readonly string[],
): Page<T> {
  const data = rows.slice(0, limit);
  const last = data.at(-1);
  const hasMore = rows.length > limit && last !== undefined;
  return { data, page: { next_cursor: hasMore ? writeCursor(toCursor(last)) : null, has_more: hasMore } };
}

/** The page with each of its rows in the shape of the wire. */
export function mapPage<T, U>(page: Page<T>, toWire: (row: T) => U): Page<U> {
  return { data: page.data.map(toWire), page: page.page };
}

export function writeCursor(parts: readonly string[]): string {
  const body = Buffer.from(JSON.stringify(parts)).toString('base64url');
  return `${body}.${check(body)}`;
}

/**
 * The parts of a cursor, or null when there is none (the first page).
 * Errors: invalid_cursor unless this API wrote it with just as many parts.
 */
export function readCursor(cursor: string | undefined, partCount: number): string[] | null {
  if (cursor === undefined || cursor === '') return null;
  const [body = '', digest] = cursor.split('.');
  if (digest !== check(body)) throw invalidCursor(cursor);
  const parts: unknown = JSON.parse(Buffer.from(body, 'base64url').toString('utf8'));
  if (
    !Array.isArray(parts) ||
    parts.length !== partCount ||
    !parts.every((part) => typeof part === 'string')
  ) {
    throw invalidCursor(cursor);
  }
  return parts;
}

/** A cursor that holds the one id from which the next page goes on. Errors: invalid_cursor. */
export function readIdCursor(cursor: string | undefined): string | undefined {
  return readCursor(cursor, 1)?.[0];
}

function invalidCursor(cursor: string) {
  const detail = `cursor must be the next_cursor of an earlier page; it is "${cursor.slice(0, 40)}".`;
  return refuse('invalid_cursor', detail, {
    errors: [{ pointer: '/query/cursor', code: 'invalid', detail }],
  });
}

/** Guards against mangled cursors, not against forged ones: a cursor gives no right that its reader lacks. */
function check(body: string): string {
  return createHash('sha256').update(`xenorack-cursor:${body}`).digest('base64url').slice(0, 10);
}
