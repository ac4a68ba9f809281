import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { newId } from '../ids.js';
import type { Metrics } from '../metrics.js';
import { refuse } from '../problem.js';

export const bodyBytesMax = 1024 * 1024;

interface KnownRoute {
  method: string;
  pattern: RegExp;
}

const routesOf = new WeakMap<object, KnownRoute[]>();

/** The HTTP server under Nest: request ids, one body format, limits, and the table of routes that 405 needs. */
export function fastifyAdapter(): FastifyAdapter {
  const adapter = new FastifyAdapter({
    bodyLimit: bodyBytesMax,
    genReqId: () => newId('req'),
    // What fails before there is a route, such as a path that cannot be decoded, never reaches the problem filter.
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
      const code = error.code === 'FST_ERR_MAX_PARAM_LENGTH' ? 'uri_too_long' : 'bad_request';
      const refusal = refuse(code, error.message.slice(0, 200));
      void reply
        .status(refusal.status)
        .header('content-type', 'application/problem+json; charset=utf-8')
        .send(JSON.stringify(refusal.toProblem(request.id)));
    },
    routerOptions: { maxParamLength: 500, ignoreTrailingSlash: true },
    forceCloseConnections: true,
    // A client that sends its request drop by drop holds a connection no longer than this.
    requestTimeout: 30_000,
  });
  const fastify = adapter.getInstance() as unknown as FastifyInstance;
  rememberRoutes(fastify);
  takeOnlyJson(fastify);
  fastify.addHook('onRequest', async (request, reply) => {
    // pino-http and Nest's middleware see the raw request; they are to use the same id.
    Object.assign(request.raw, { id: request.id });
    reply.header('X-Request-Id', request.id);
    reply.header('Cache-Control', 'no-store');
    reply.header('X-Content-Type-Options', 'nosniff');
  });
  return adapter;
}

/** Measures every answer under its route's pattern, never under the path itself: paths are without number. */
export function measureRequests(fastify: FastifyInstance, metrics: Metrics): void {
  fastify.addHook('onResponse', async (request, reply) => {
    const labels = {
      method: request.method,
      route: request.routeOptions.url ?? 'unknown',
      status: reply.statusCode,
    };
    metrics.httpSeconds.observe(labels, reply.elapsedTime / 1000);
  });
}

/** The methods that a path takes, for the Allow header of a 405. */
export function allowedMethods(server: object, url: string): string[] {
  const path = url.split('?')[0] ?? '';
  const known = routesOf.get(server) ?? [];
  return [...new Set(known.filter((route) => route.pattern.test(path)).map((route) => route.method))].sort();
}

function rememberRoutes(fastify: FastifyInstance): void {
  const routes: KnownRoute[] = [];
  routesOf.set(fastify, routes);
  fastify.addHook('onRoute', ({ url, method }) => {
    if (url.includes('*')) return;
    const escaped = url.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/:[A-Za-z_]+/g, '[^/]+');
    const pattern = new RegExp(`^${escaped.replace(/\/$/, '')}/?$`);
    for (const name of [method].flat()) routes.push({ method: name, pattern });
  });
}

function takeOnlyJson(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  const parse = fastify.getDefaultJsonParser('error', 'error');
  fastify.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    // An empty body is no body: a POST without one may still say that it speaks JSON.
    if (body === '') return done(null, undefined);
    void parse(request, body, (error: FastifyError | Error | null, value?: unknown) => {
      if (error) done(refuse('malformed_json', error.message));
      else done(null, value);
    });
  });
}
