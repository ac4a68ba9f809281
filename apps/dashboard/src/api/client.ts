import createClient, { type Middleware } from 'openapi-fetch';
import { ApiProblem, problemFrom, unreachableProblem } from './problem';
import type { paths } from './schema.gen';

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS']);

let csrfToken: string | null = null;

/** Every unsafe request carries this token; it comes with /v1/me and with a new session. */
export function rememberCsrfToken(token: string | null): void {
  csrfToken = token;
}

const session: Middleware = {
  onRequest({ request }) {
    if (!safeMethods.has(request.method) && csrfToken) request.headers.set('X-CSRF-Token', csrfToken);
    return request;
  },
  onError() {
    return unreachableProblem();
  },
};

export const api = createClient<paths>({ baseUrl: '/api', credentials: 'same-origin' });
api.use(session);

/** The data of an answer, or its problem thrown. */
export async function unwrap<T>(
  pending: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<NonNullable<T>> {
  const { data, error, response } = await settled(pending);
  if (!response.ok) throw problemFrom(error, response);
  return data as NonNullable<T>;
}

/** The same with the entity tag that a later If-Match must name. */
export async function unwrapTagged<T>(
  pending: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<{ value: NonNullable<T>; etag: string }> {
  const { data, error, response } = await settled(pending);
  if (!response.ok) throw problemFrom(error, response);
  return { value: data as NonNullable<T>, etag: response.headers.get('etag') ?? '' };
}

async function settled<T>(pending: Promise<T>): Promise<T> {
  try {
    return await pending;
  } catch (failure) {
    throw failure instanceof ApiProblem ? failure : unreachableProblem();
  }
}

/** A key that names one intention: made when a form opens, kept over retries. */
export function newIdempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
