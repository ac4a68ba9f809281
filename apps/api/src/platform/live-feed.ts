import { Injectable } from '@nestjs/common';
import { RedisLink } from './redis.js';

/** Some 30 KiB: a reader who is behind loses a part of a second's figures, not all of them. */
const figuresPerMessage = 32;

export type Audience = { tenantId: string } | { operator: true };

/** Once-a-second figures for browsers: no id, no history, no guarantee but freshness. Events go through the outbox. */
@Injectable()
export class LiveFeed {
  constructor(private readonly redis: RedisLink) {}

  /** Sends one figure to whoever looks at present; never fails, for nobody waits for it. */
  publish(audience: Audience, name: string, data: unknown): void {
    this.publishAll(audience, [{ name, data }]);
  }

  /** Sends figures that belong together in few messages: a message each would cost a write on every hop. */
  publishAll(audience: Audience, figures: readonly { name: string; data: unknown }[]): void {
    const channel = liveChannel(this.redis, audience);
    for (let at = 0; at < figures.length; at += figuresPerMessage) {
      const lines = figures
        .slice(at, at + figuresPerMessage)
        .map(({ name, data }) => `${name}\n${JSON.stringify(data)}`);
      this.redis.client.publish(channel, lines.join('\n')).catch(() => undefined);
    }
  }
}

/** A figure as it travels: its data is JSON text. */
export interface FigureText {
  name: string;
  data: string;
}

/** The figures of one message: a line with the name, a line with the data, and so on (JSON text has no line breaks). */
export function readFigures(message: string): FigureText[] {
  const lines = message.split('\n');
  const figures: FigureText[] = [];
  for (let at = 0; at + 1 < lines.length; at += 2) figures.push({ name: lines[at]!, data: lines[at + 1]! });
  return figures;
}

export function liveChannel(redis: RedisLink, audience: Audience): string {
  return redis.name('live', 'tenantId' in audience ? audience.tenantId : 'operator');
}
