import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { Database } from './database.js';
import type { EventMap, EventType, EventWire } from './event-map.js';
import { RedisLink } from './redis.js';

/*
 * Design: every process that has readers follows the numbered events. A message over Redis only says "up to seq n";
 * the events themselves are read from PostgreSQL, in order, each once. A message that is lost, doubled or early
 * changes nothing, and without any message a poll every second finds what is new.
 * Invariant: a subscriber sees every event after the seq it subscribed at, in order of seq, once.
 */

type Subscriber = (event: EventWire) => void;

const pollMs = 1_000;
const batchMax = 500;

@Injectable()
export class EventFeed implements OnModuleDestroy {
  private readonly logger = new Logger(EventFeed.name);
  private readonly subscribers = new Set<Subscriber>();
  private redisLink: Redis | undefined;
  private poll: NodeJS.Timeout | undefined;
  private opening: Promise<void> | undefined;
  private lastSeq = 0n;
  private reading: Promise<void> | undefined;
  private again = false;

  constructor(
    private readonly database: Database,
    private readonly redis: RedisLink,
  ) {}

  /**
   * Follows all events from now on. Subscribe first and read the state or history after it: then nothing is missed.
   * @returns The function that ends the subscription.
   */
  async subscribe(subscriber: Subscriber): Promise<() => void> {
    this.opening ??= this.open();
    await this.opening;
    this.subscribers.add(subscriber);
    return () => void this.subscribers.delete(subscriber);
  }

  /** Events of one tenant, or of all with null, after `seq`, oldest first. */
  async after(tenantId: string | null, seq: bigint, limit: number): Promise<EventWire[]> {
    const rows = await this.database.prisma.outboxEvent.findMany({
      where: { seq: { gt: seq }, ...(tenantId === null ? {} : { tenantId }) },
      orderBy: { seq: 'asc' },
      take: limit,
    });
    return rows.map(toEventWire);
  }

  onModuleDestroy(): void {
    clearInterval(this.poll);
    this.subscribers.clear();
    if (this.redisLink) this.redis.close(this.redisLink);
  }

  private async open(): Promise<void> {
    this.lastSeq = await this.newestSeq();
    this.redisLink = this.redis.open();
    this.redisLink.on('message', () => void this.read());
    this.redisLink.subscribe(relayedChannel(this.redis)).catch(() => undefined);
    this.poll = setInterval(() => void this.read(), pollMs);
    this.poll.unref();
  }

  private async newestSeq(): Promise<bigint> {
    const counter = await this.database.prisma.outboxCounter.findUniqueOrThrow({ where: { id: 1 } });
    return counter.lastSeq;
  }

  /** One reader at a time; who comes meanwhile is served by one more round. */
  private async read(): Promise<void> {
    this.again = true;
    this.reading ??= this.readOn().finally(() => (this.reading = undefined));
    await this.reading;
  }

  private async readOn(): Promise<void> {
    try {
      while (this.again) {
        this.again = false;
        const events = await this.after(null, this.lastSeq, batchMax);
        for (const event of events) this.hand(event);
        if (events.length === batchMax) this.again = true;
      }
    } catch (error) {
      this.logger.warn(`Events wait for PostgreSQL: ${(error as Error).message}`);
    }
  }

  private hand(event: EventWire): void {
    this.lastSeq = BigInt(event.seq);
    for (const subscriber of [...this.subscribers]) subscriber(event);
  }
}

/** The channel on which the relay says that events were numbered. */
export function relayedChannel(redis: RedisLink): string {
  return redis.name('relayed');
}

interface EventRow {
  id: string;
  seq: bigint | null;
  tenantId: string | null;
  type: string;
  subjectType: string;
  subjectId: string;
  data: unknown;
  createdAt: Date;
}

export function toEventWire(row: EventRow): EventWire {
  return {
    id: row.id,
    seq: String(row.seq),
    type: row.type as EventType,
    tenant_id: row.tenantId,
    subject: { type: row.subjectType, id: row.subjectId },
    data: row.data as EventMap[EventType],
    created_at: row.createdAt.toISOString(),
  };
}
