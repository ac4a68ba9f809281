import { createHash } from 'node:crypto';
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Config } from '../config.js';
import { RateLimiter, rateHeaders, tooMany } from '../rate-limit.js';

/** Bounds requests per minute by credential, or by address without one, and says in every answer how many are left. */
@Injectable()
export class LimitRequests implements CanActivate {
  constructor(
    private readonly config: Config,
    private readonly limiter: RateLimiter,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (!request.url.startsWith('/v1/')) return true;
    const taken = await this.limiter.take(callerOf(request), this.config.rateLimitPerMinute);
    context.switchToHttp().getResponse<FastifyReply>().headers(rateHeaders(taken));
    if (!taken.allowed) throw tooMany(taken);
    return true;
  }
}

/** A name for the credential that gives nothing of it away. */
function callerOf(request: FastifyRequest): string {
  const credential = request.headers.authorization ?? request.headers.cookie;
  if (credential === undefined) return `ip:${request.ip}`;
  return `by:${createHash('sha256').update(credential).digest('base64url').slice(0, 22)}`;
}
