import { Module } from '@nestjs/common';
import { EventStore } from './event.store.js';
import { EventsController } from './events.controller.js';
import { LiveFigures } from './live-figures.js';
import { StreamEvents } from './stream-events.js';

@Module({ controllers: [EventsController], providers: [EventStore, LiveFigures, StreamEvents] })
export class EventsModule {}
