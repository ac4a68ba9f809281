import { Injectable } from '@nestjs/common';
import type { Tx } from './database.js';
import type { EventMap, EventType, EventWire } from './event-map.js';
import { newId } from './ids.js';

export interface OutboxEntry<T extends EventType> {
  /** Whose feed shows it; null shows it to the operator only. */
  tenantId: string | null;
  type: T;
  subject: { type: string; id: string };
  data: EventMap[T];
}

/** The channel on which a commit wakes the relay at once. */
export const outboxChannel = 'xenorack_outbox';

/** Writes events in the transaction of their cause: either both happen or neither. The relay numbers and sends them. */
@Injectable()
export class Outbox {
  async write<T extends EventType>(tx: Tx, entry: OutboxEntry<T>): Promise<string> {
    const id = newId('evt');
    await tx.outboxEvent.create({
      data: {
        id,
        tenantId: entry.tenantId,
        type: entry.type,
        subjectType: entry.subject.type,
        subjectId: entry.subject.id,
        data: entry.data as object,
      },
      select: { id: true },
    });
    await nudgeRelay(tx);
    return id;
  }
}

/** PostgreSQL sends it at the commit, once per transaction however often it is asked. */
export async function nudgeRelay(tx: Tx): Promise<void> {
  await tx.$executeRaw`SELECT pg_notify(${outboxChannel}, '')`;
}

export type EventHandler<T extends EventType = EventType> = (event: EventWire<T>) => Promise<void>;

export interface Listener {
  name: string;
  type: EventType;
  handler: EventHandler;
}

/**
 * Listeners inside the processes of role jobs. Each event reaches each listener of its type at least once, in order of
 * seq but for those that failed and are tried again; so a handler must bear a repetition. What is still to be
 * delivered is kept in PostgreSQL under the listener's name: keep the name when the code moves.
 */
@Injectable()
export class EventListeners {
  private readonly byName = new Map<string, Listener>();

  /** Register in onModuleInit. Without a name, the type and its place among that type's listeners is the name. */
  on<T extends EventType>(type: T, handler: EventHandler<T>, options: { name?: string } = {}): void {
    const name = options.name ?? `${type}#${this.of(type).length + 1}`;
    if (this.byName.has(name)) throw new Error(`Two event listeners are named "${name}".`);
    this.byName.set(name, { name, type, handler: handler as unknown as EventHandler });
  }

  of(type: string): Listener[] {
    return [...this.byName.values()].filter((listener) => listener.type === type);
  }

  named(name: string): Listener | undefined {
    return this.byName.get(name);
  }
}
