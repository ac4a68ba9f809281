import { Logger } from '@nestjs/common';
import type { Database } from '../database.js';
import { toEventWire } from '../event-feed.js';
import type { Metrics } from '../metrics.js';
import type { EventListeners, Listener } from '../outbox.js';
import type { WallClock } from '../wall-clock.js';

const batchMax = 100;
const firstRetryMs = 250;
const lastRetryMs = 60_000;

/**
 * Hands numbered events to the listeners of this process and removes each delivery after its handler returned: a crash
 * in between hands the event over again. A delivery that fails waits longer each time and lets the next ones pass.
 */
export class EventDelivering {
  private readonly logger = new Logger(EventDelivering.name);

  constructor(
    private readonly database: Database,
    private readonly listeners: EventListeners,
    private readonly clock: WallClock,
    private readonly metrics: Metrics,
  ) {}

  /** @returns Whether more may be due. */
  async deliverDue(): Promise<boolean> {
    const due = await this.database.prisma.eventDelivery.findMany({
      where: { nextAttemptAt: { lte: this.clock.now() } },
      orderBy: { seq: 'asc' },
      take: batchMax,
    });
    if (due.length === 0) return false;
    const rows = await this.database.prisma.outboxEvent.findMany({
      where: { seq: { in: due.map(({ seq }) => seq) } },
    });
    const events = new Map(rows.map((row) => [row.seq, toEventWire(row)]));
    const byListener = grouped(due, ({ listener }) => listener);
    await Promise.all(
      [...byListener].map(async ([name, deliveries]) => {
        for (const delivery of deliveries)
          await this.deliver(this.listeners.named(name), delivery, events.get(delivery.seq));
      }),
    );
    return due.length === batchMax;
  }

  private async deliver(
    listener: Listener | undefined,
    delivery: { seq: bigint; listener: string; attempts: number },
    event: ReturnType<typeof toEventWire> | undefined,
  ): Promise<void> {
    const where = { listener: delivery.listener, seq: delivery.seq };
    try {
      if (!listener) throw new Error('no listener of this name in this process');
      if (event) await listener.handler(event);
      await this.database.prisma.eventDelivery.deleteMany({ where });
    } catch (error) {
      const message = (error as Error).message;
      this.metrics.listenerFailures.inc({ listener: delivery.listener });
      this.logger.warn(`Listener ${delivery.listener} failed on event ${delivery.seq}: ${message}`);
      const waitMs = Math.min(firstRetryMs * 2 ** Math.min(delivery.attempts, 20), lastRetryMs);
      await this.database.prisma.eventDelivery.updateMany({
        where,
        data: {
          attempts: { increment: 1 },
          nextAttemptAt: new Date(this.clock.now().getTime() + waitMs),
          lastError: message.slice(0, 500),
        },
      });
    }
  }
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}
