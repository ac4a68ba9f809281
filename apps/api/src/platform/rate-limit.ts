import { Injectable, Logger } from '@nestjs/common';
import { refuse } from './problem.js';
import { RedisLink } from './redis.js';
import { WallClock } from './wall-clock.js';

export interface Allowed {
  limit: number;
  remaining: number;
  resetSeconds: number;
  allowed: boolean;
}

const windowMs = 60_000;

/** Requests per minute, counted in Redis so that all processes count together. When Redis is away, everybody passes. */
@Injectable()
export class RateLimiter {
  private readonly logger = new Logger(RateLimiter.name);
  private away = false;

  constructor(
    private readonly redis: RedisLink,
    private readonly clock: WallClock,
  ) {}

  /** Counts one request of `bucket`, whose window began with the minute. */
  async take(bucket: string, limit: number): Promise<Allowed> {
    const nowMs = this.clock.now().getTime();
    const window = Math.floor(nowMs / windowMs);
    const resetSeconds = Math.ceil(((window + 1) * windowMs - nowMs) / 1000);
    const used = await this.count(this.redis.name('rate', bucket, String(window)));
    return { limit, remaining: Math.max(0, limit - used), resetSeconds, allowed: used <= limit };
  }

  /** Errors: rate_limited with Retry-After. */
  async takeOrRefuse(bucket: string, limit: number): Promise<Allowed> {
    const taken = await this.take(bucket, limit);
    if (!taken.allowed) throw tooMany(taken);
    return taken;
  }

  private async count(key: string): Promise<number> {
    try {
      const replies = await this.redis.client
        .multi()
        .incr(key)
        .pexpire(key, windowMs * 2)
        .exec();
      this.away = false;
      return Number(replies?.[0]?.[1] ?? 0);
    } catch (error) {
      if (!this.away)
        this.logger.warn(`Requests are not limited while Redis is away: ${(error as Error).message}`);
      this.away = true;
      return 0;
    }
  }
}

export function rateHeaders(taken: Allowed): Record<string, string> {
  return {
    'RateLimit-Limit': String(taken.limit),
    'RateLimit-Remaining': String(taken.remaining),
    'RateLimit-Reset': String(taken.resetSeconds),
  };
}

export function tooMany(taken: Allowed) {
  const detail = `At most ${taken.limit} requests a minute; try again in ${taken.resetSeconds} s.`;
  return refuse(
    'rate_limited',
    detail,
    {},
    { ...rateHeaders(taken), 'Retry-After': String(taken.resetSeconds) },
  );
}
