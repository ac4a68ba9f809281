import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { type Audience, type FigureText, liveChannel, readFigures } from '../platform/live-feed.js';
import { RedisLink } from '../platform/redis.js';

/** Takes figures that came together. */
export type FigureReader = (figures: readonly FigureText[]) => void;

/** The once-a-second figures that open streams of this process look at; a channel nobody looks at is not followed. */
@Injectable()
export class LiveFigures implements OnModuleDestroy {
  private readonly readers = new Map<string, Set<FigureReader>>();
  private link: Redis | undefined;

  constructor(private readonly redis: RedisLink) {}

  /** @returns The function that ends the subscription. */
  follow(audience: Audience, reader: FigureReader): () => void {
    const channel = liveChannel(this.redis, audience);
    const readers = this.readers.get(channel) ?? new Set();
    readers.add(reader);
    if (readers.size === 1) {
      this.readers.set(channel, readers);
      this.open()
        .subscribe(channel)
        .catch(() => undefined);
    }
    return () => {
      if (!readers.delete(reader) || readers.size > 0) return;
      this.readers.delete(channel);
      this.link?.unsubscribe(channel).catch(() => undefined);
    };
  }

  onModuleDestroy(): void {
    this.readers.clear();
    if (this.link) this.redis.close(this.link);
  }

  private open(): Redis {
    if (this.link) return this.link;
    this.link = this.redis.open();
    this.link.on('message', (channel: string, message: string) => this.hand(channel, message));
    return this.link;
  }

  private hand(channel: string, message: string): void {
    const figures = readFigures(message);
    for (const reader of this.readers.get(channel) ?? []) reader(figures);
  }
}
