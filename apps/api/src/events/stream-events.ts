import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { EventFeed } from '../platform/event-feed.js';
import type { EventWire } from '../platform/event-map.js';
import { Metrics } from '../platform/metrics.js';
import { EventStream } from './event-stream.js';
import { EventStore } from './event.store.js';
import { LiveFigures } from './live-figures.js';

/*
 * Design: subscribe, then read history, then go live. Events that arrive while history is read wait in a list; each
 * is written if its seq is above the newest written. So whatever the order in which history and feed deliver, every
 * event after the reader's Last-Event-ID is written once, in order of seq.
 */

const heartbeatMs = 15_000;
/** A stream ends after this long, and its reader comes back: with a session that has ended it then stays out. */
const streamMs = 15 * 60_000;
const resumedMax = 10_000;
const batchMax = 500;

@Injectable()
export class StreamEvents implements OnModuleDestroy {
  private readonly logger = new Logger(StreamEvents.name);
  private readonly open = new Set<EventStream>();

  constructor(
    private readonly feed: EventFeed,
    private readonly store: EventStore,
    private readonly figures: LiveFigures,
    private readonly metrics: Metrics,
  ) {}

  /**
   * @param tenantId Null streams the events of all tenants and the operator's figures.
   * @param lastEventId The seq the reader saw last; it goes on after it.
   */
  async run(reply: FastifyReply, tenantId: string | null, lastEventId: string | undefined): Promise<void> {
    const stream = new EventStream(reply, () => this.metrics.streamsDropped.inc());
    this.keep(stream);
    try {
      stream.open();
      const waiting: EventWire[] = [];
      let live = false;
      const unsubscribe = await this.feed.subscribe((event) => {
        if (tenantId !== null && event.tenant_id !== tenantId) return;
        if (live) stream.sendEvent(event);
        else waiting.push(event);
      });
      stream.onEnd(unsubscribe);
      await this.catchUp(stream, tenantId, lastEventId);
      // Nothing else runs between these lines, so no event can slip in between the list and going live.
      for (const event of waiting) stream.sendEvent(event);
      live = true;
      if (!stream.isOpen) return;
      const audience = tenantId === null ? ({ operator: true } as const) : { tenantId };
      stream.onEnd(this.figures.follow(audience, (figures) => stream.sendFigures(figures)));
    } catch (error) {
      this.logger.warn(`An event stream ended: ${(error as Error).message}`);
      stream.end();
    }
  }

  onModuleDestroy(): void {
    for (const stream of [...this.open]) stream.end();
  }

  private keep(stream: EventStream): void {
    this.open.add(stream);
    this.metrics.streams.inc();
    const heartbeat = setInterval(() => stream.sendHeartbeat(), heartbeatMs);
    const life = setTimeout(() => stream.end(), streamMs);
    stream.onEnd(() => {
      clearInterval(heartbeat);
      clearTimeout(life);
      this.open.delete(stream);
      this.metrics.streams.dec();
    });
  }

  private async catchUp(
    stream: EventStream,
    tenantId: string | null,
    lastEventId: string | undefined,
  ): Promise<void> {
    const newest = await this.store.newestSeq();
    if (lastEventId === undefined) return stream.sendReady(newest);
    const from = seqOf(lastEventId);
    if (from === null || from > newest || (await this.store.hasMoreThan(tenantId, from, resumedMax))) {
      return stream.sendResync(newest);
    }
    stream.resumeAfter(from);
    let at = from;
    for (;;) {
      const events = await this.feed.after(tenantId, at, batchMax);
      for (const event of events) stream.sendEvent(event);
      const last = events.at(-1);
      if (!last || events.length < batchMax || !stream.isOpen) return;
      at = BigInt(last.seq);
    }
  }
}

function seqOf(text: string): bigint | null {
  return /^\d{1,18}$/.test(text) ? BigInt(text) : null;
}
