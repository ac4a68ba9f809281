import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ProblemCode, Refusal, refuse } from '../problem.js';
import { asksToTryAgain } from '../unit-of-work.js';
import { allowedMethods } from './fastify.js';

const codeByStatus: Record<number, ProblemCode> = {
  400: 'bad_request',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  406: 'not_acceptable',
  409: 'conflict',
  413: 'payload_too_large',
  414: 'uri_too_long',
  415: 'unsupported_media_type',
  422: 'invalid_request',
  429: 'rate_limited',
  431: 'headers_too_large',
  503: 'unavailable',
};

/** Answers every error as a problem document. What is not a refusal is a bug: logged in full, told in general. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger('Api');

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const refusal = this.refusalOf(error, request);
    if (reply.sent || reply.raw.headersSent) {
      // The answer is under way and cannot become another one; ending it early tells the client that it is not whole.
      reply.raw.destroy();
      return;
    }
    reply
      .status(refusal.status)
      .headers(refusal.headers)
      .header('content-type', 'application/problem+json; charset=utf-8')
      .send(JSON.stringify(refusal.toProblem(request.id)));
  }

  private refusalOf(error: unknown, request: FastifyRequest): Refusal {
    if (error instanceof Refusal) return error;
    const status =
      error instanceof HttpException ? error.getStatus() : (error as { statusCode?: unknown })?.statusCode;
    if (typeof status === 'number' && status < 500) {
      if (status === 404) return unknownRoute(request);
      return refuse(codeByStatus[status] ?? 'bad_request', (error as Error).message);
    }
    if (asksToTryAgain(error))
      return refuse('unavailable', 'Too many changes at once; try again.', {}, { 'Retry-After': '1' });
    const stack = error instanceof Error ? error.stack : String(error);
    this.logger.error(`${request.method} ${request.url} failed (${request.id}): ${stack}`);
    return refuse('internal_error', `Quote request ${request.id} when you ask about it.`);
  }
}

/** A path that exists for other methods is 405 and says which; any other is 404. */
function unknownRoute(request: FastifyRequest): Refusal {
  const allowed = allowedMethods(request.server, request.url);
  const path = request.url.split('?')[0]?.slice(0, 200);
  if (allowed.length === 0) return refuse('not_found', `There is no ${request.method} ${path}.`);
  const list = allowed.join(', ');
  return refuse('method_not_allowed', `${path} takes ${list}; not ${request.method}.`, {}, { Allow: list });
}
