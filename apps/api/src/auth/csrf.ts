import { createHmac, timingSafeEqual } from 'node:crypto';

/** The CSRF token of a session: nobody but this API can derive it, and nobody but this session's page is told. */
export function csrfTokenOf(secret: string, sessionId: string): string {
  return createHmac('sha256', secret).update(`csrf:${sessionId}`).digest('base64url');
}

export function isCsrfToken(secret: string, sessionId: string, sent: unknown): boolean {
  if (typeof sent !== 'string') return false;
  const wanted = Buffer.from(csrfTokenOf(secret, sessionId));
  const given = Buffer.from(sent);
  return wanted.length === given.length && timingSafeEqual(wanted, given);
}
