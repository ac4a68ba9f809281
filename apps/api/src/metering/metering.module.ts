import { Module } from '@nestjs/common';
import { HostsModule } from '../hosts/hosts.module.js';
import { AdvanceClock } from './advance-clock.js';
import { IngestReadings } from './ingest-readings.js';
import { MeteringController } from './metering.controller.js';
import { ReadingStore } from './reading.store.js';
import { TakeReadings } from './take-readings.js';
import { TenantClocks } from './tenant-clock.js';
import { TenantUsages } from './tenant-usage.js';
import { UsageStore } from './usage.store.js';

@Module({
  imports: [HostsModule],
  controllers: [MeteringController],
  providers: [
    ReadingStore,
    UsageStore,
    IngestReadings,
    TakeReadings,
    TenantClocks,
    TenantUsages,
    AdvanceClock,
  ],
  exports: [UsageStore, IngestReadings, TenantClocks, TenantUsages, AdvanceClock],
})
export class MeteringModule {}
