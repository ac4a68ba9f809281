import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { EventFeed } from '../platform/event-feed.js';
import { Metrics } from '../platform/metrics.js';
import { type OperationRow, OperationStore } from './operation.store.js';
import { hasEnded } from './operations.js';

/** Waits for the end of an operation. It is woken by the operation's own event; nothing is asked in the meantime. */
@Injectable()
export class AwaitOperation implements OnModuleDestroy {
  private readonly waiting = new Set<() => void>();

  constructor(
    private readonly feed: EventFeed,
    private readonly store: OperationStore,
    private readonly metrics: Metrics,
  ) {}

  /**
   * The operation as it is when it has ended, when `waitMs` are over, or when `gone` aborts.
   * @param tenantId Another tenant's operation is not found.
   */
  async run(
    id: string,
    tenantId: string | undefined,
    waitMs: number,
    gone: AbortSignal,
  ): Promise<OperationRow | null> {
    const found = await this.store.find(id, tenantId);
    if (!found || hasEnded(found) || waitMs === 0) return found;
    let wake = () => {};
    const woken = new Promise<void>((resolve) => (wake = resolve));
    this.waiting.add(wake);
    this.metrics.waitingRequests.inc();
    const unsubscribe = await this.feed.subscribe((event) => {
      if (event.type !== 'operation.updated' || event.subject.id !== id) return;
      if (hasEnded(event.data as { status: OperationRow['status'] })) wake();
    });
    const timer = setTimeout(wake, waitMs);
    gone.addEventListener('abort', wake);
    try {
      // It may have ended between the first look and the subscription.
      const now = await this.store.find(id, tenantId);
      if (!now || hasEnded(now)) return now;
      await woken;
      return await this.store.find(id, tenantId);
    } finally {
      clearTimeout(timer);
      unsubscribe();
      gone.removeEventListener('abort', wake);
      this.waiting.delete(wake);
      this.metrics.waitingRequests.dec();
    }
  }

  /** A process that stops answers at once with what is known. */
  onModuleDestroy(): void {
    for (const wake of this.waiting) wake();
  }
}
