import type { FastifyRequest } from 'fastify';
import { refuse } from './problem.js';

/** The ETag of a resource whose version grows with each change. */
export function etagOf(version: number | bigint | string): string {
  return `"v${version}"`;
}

/**
 * Lets a change through only when its sender saw the present version.
 * Errors: precondition_required (428) without If-Match, precondition_failed (412) when the version is another.
 */
export function requireIfMatch(request: FastifyRequest, etag: string): void {
  const header = request.headers['if-match'];
  if (header === undefined) throw refuse('precondition_required');
  const sent = header.split(',').map((part) => part.trim());
  if (sent.includes('*') || sent.includes(etag)) return;
  throw refuse('precondition_failed', `If-Match must be ${etag}; it is ${header.slice(0, 100)}.`);
}
