import { Injectable } from '@nestjs/common';
import type { HostEvent } from '@xenorack/xenoserver';

type EventOf<T extends HostEvent['type']> = Extract<HostEvent, { type: T }>;
type Handler<T extends HostEvent['type']> = (event: EventOf<T>) => Promise<void>;

/**
 * Where the floors above listen to hosts. Events of one host are handled one after the other, each handler in the
 * order it was registered, so a reading is stored before the state change that followed it is told.
 */
@Injectable()
export class HostEvents {
  private readonly handlers = new Map<string, Handler<never>[]>();

  on<T extends HostEvent['type']>(type: T, handler: Handler<T>): void {
    const list = this.handlers.get(type) ?? [];
    list.push(handler as unknown as Handler<never>);
    this.handlers.set(type, list);
  }

  async emit(event: HostEvent): Promise<void> {
    for (const handler of this.handlers.get(event.type) ?? []) await handler(event as never);
  }
}
