import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Redis } from 'ioredis';
import { Config } from './config.js';

/**
 * The way to Redis. `client` is for short commands; whoever blocks or subscribes takes a connection of its own.
 * Nothing in Redis is the only copy of anything.
 */
@Injectable()
export class RedisLink implements OnApplicationShutdown {
  private readonly logger = new Logger(RedisLink.name);
  private readonly opened = new Set<Redis>();
  private common: Redis | undefined;
  private lastError = '';

  constructor(private readonly config: Config) {}

  /** The shared connection. A command that finds no server fails within a second instead of waiting. */
  get client(): Redis {
    this.common ??= this.open({ maxRetriesPerRequest: 1, commandTimeout: 1_000 });
    return this.common;
  }

  /** A connection for one use, such as a subscription; it reconnects by itself and is closed with the process. */
  open(options: { maxRetriesPerRequest?: number | null; commandTimeout?: number } = {}): Redis {
    const redis = new Redis(this.config.redisUrl, {
      maxRetriesPerRequest: null,
      retryStrategy: (times) => Math.min(100 * times, 2_000),
      ...options,
    });
    redis.on('error', (error: Error) => this.report(error));
    redis.on('ready', () => (this.lastError = ''));
    this.opened.add(redis);
    return redis;
  }

  close(redis: Redis): void {
    this.opened.delete(redis);
    redis.disconnect();
  }

  /** A key or channel of this installation. */
  name(...parts: string[]): string {
    return [this.config.redisPrefix, ...parts].join(':');
  }

  onApplicationShutdown(): void {
    for (const redis of this.opened) redis.disconnect();
    this.opened.clear();
  }

  /** A server that is away is said once, not once per attempt to reach it. */
  private report(error: Error): void {
    if (error.message === this.lastError) return;
    this.lastError = error.message;
    this.logger.warn(`Redis: ${error.message}`);
  }
}
