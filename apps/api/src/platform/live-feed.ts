import { Injectable } from '@nestjs/common';
import { RedisLink } from './redis.js';

export type Audience = { tenantId: string } | { operator: true };

/** Once-a-second figures for browsers: no id, no history, no guarantee but freshness. Events go through the outbox. */
@Injectable()
export class LiveFeed {
  constructor(private readonly redis: RedisLink) {}

  /** Sends one figure to whoever looks at present; never fails, for nobody waits for it. */
  publish(audience: Audience, name: string, data: unknown): void {
    const message = JSON.stringify({ name, data });
    this.redis.client.publish(liveChannel(this.redis, audience), message).catch(() => undefined);
  }
}

export function liveChannel(redis: RedisLink, audience: Audience): string {
  return redis.name('live', 'tenantId' in audience ? audience.tenantId : 'operator');
}
