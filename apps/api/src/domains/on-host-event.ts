import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { DomainFacts } from '@xenorack/xenoserver';
import { HostEvents } from '../hosts/host-events.js';
import { Outbox } from '../platform/outbox.js';
import { UnitOfWork } from '../platform/unit-of-work.js';
import { WallClock } from '../platform/wall-clock.js';
import { applyFacts } from './apply-facts.js';
import { DomainStore } from './domain.store.js';

/** Hosts tell what became of a domain (a budget paused it, it crashed, it came back after a restart); the row follows. */
@Injectable()
export class OnHostEvent implements OnModuleInit {
  constructor(
    private readonly hostEvents: HostEvents,
    private readonly domains: DomainStore,
    private readonly outbox: Outbox,
    private readonly unitOfWork: UnitOfWork,
    private readonly clock: WallClock,
  ) {}

  onModuleInit(): void {
    this.hostEvents.on('domain-changed', (event) => this.apply(event.domain, event.reason));
    this.hostEvents.on('booted', async (event) => {
      for (const facts of event.domains) await this.apply(facts, 'host-boot');
    });
  }

  private async apply(facts: DomainFacts, reason: string): Promise<void> {
    const now = this.clock.now();
    await this.unitOfWork.run((tx) =>
      applyFacts({ domains: this.domains, outbox: this.outbox }, tx, facts, { reason, now }),
    );
  }
}
