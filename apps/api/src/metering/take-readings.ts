import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HostEvents } from '../hosts/host-events.js';
import { HostRegistry } from '../hosts/host-registry.js';
import { LiveFeed } from '../platform/live-feed.js';
import { hostFiguresWire } from './host-figures.js';
import { IngestReadings } from './ingest-readings.js';

/** Connects the hosts of this process to ingest: a batch is stored, then acknowledged; figures go to the operator. */
@Injectable()
export class TakeReadings implements OnModuleInit {
  constructor(
    private readonly hostEvents: HostEvents,
    private readonly registry: HostRegistry,
    private readonly ingest: IngestReadings,
    private readonly feed: LiveFeed,
  ) {}

  onModuleInit(): void {
    this.hostEvents.on('readings', async ({ batch }) => {
      await this.ingest.ingest(batch, 'set-aside');
      this.registry.acknowledge(batch.hostId, batch.epoch, batch.batch);
    });
    this.hostEvents.on('figures', async ({ hostId, figures }) => {
      this.feed.publish({ operator: true }, 'host.figures', { id: hostId, ...hostFiguresWire(figures) });
    });
  }
}
