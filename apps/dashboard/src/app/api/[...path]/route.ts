// Forwards /api/* to the API, so that browser, cookie and CSRF header live on one origin.
//
// Design: a route handler rather than a rewrite, because a standalone server fixes its rewrites when it is built
// while API_URL is known when it is started. Bodies are streamed both ways; a client that goes away aborts the
// request to the API, so a closed tab never leaves an event stream open behind it.

export const dynamic = 'force-dynamic';
export const runtime = 'nodejs';

/** Headers that belong to one connection, or that `fetch` sets itself. */
const hopHeaders = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

function apiAddress(): string {
  return (process.env['API_URL'] ?? 'http://127.0.0.1:4000').replace(/\/+$/, '');
}

function requestHeaders(request: Request): Headers {
  const headers = new Headers();
  request.headers.forEach((value, name) => {
    if (!hopHeaders.has(name)) headers.set(name, value);
  });
  // Compressed answers would be decoded here and encoded again; an event stream would wait for a full buffer.
  headers.set('accept-encoding', 'identity');
  return headers;
}

function answerHeaders(answer: Response): Headers {
  const headers = new Headers();
  answer.headers.forEach((value, name) => {
    if (!hopHeaders.has(name) && name !== 'set-cookie' && name !== 'content-encoding')
      headers.set(name, value);
  });
  for (const cookie of answer.headers.getSetCookie()) headers.append('set-cookie', cookie);
  // Without no-transform the server in front of this handler would gzip, and so hold back, the stream.
  if (answer.headers.get('content-type')?.startsWith('text/event-stream')) {
    headers.set('cache-control', 'no-cache, no-transform');
    headers.set('x-accel-buffering', 'no');
  }
  return headers;
}

function unreachable(): Response {
  const requestId = `req_${crypto.randomUUID().replaceAll('-', '')}`;
  const problem = {
    type: 'about:blank',
    title: 'The API does not answer',
    status: 502,
    detail: 'The dashboard could not reach the API. It tries again by itself.',
    code: 'api_unreachable',
    request_id: requestId,
    retryable: true,
  };
  const headers = { 'content-type': 'application/problem+json', 'x-request-id': requestId };
  return new Response(JSON.stringify(problem), { status: 502, headers });
}

async function forward(request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const hasBody = request.method !== 'GET' && request.method !== 'HEAD' && request.body !== null;
  try {
    const answer = await fetch(`${apiAddress()}${pathname.slice('/api'.length)}${search}`, {
      method: request.method,
      headers: requestHeaders(request),
      ...(hasBody ? { body: request.body, duplex: 'half' as const } : {}),
      redirect: 'manual',
      cache: 'no-store',
      signal: request.signal,
    });
    return new Response(answer.body, { status: answer.status, headers: answerHeaders(answer) });
  } catch {
    return unreachable();
  }
}

export {
  forward as DELETE,
  forward as GET,
  forward as HEAD,
  forward as OPTIONS,
  forward as PATCH,
  forward as POST,
  forward as PUT,
};
