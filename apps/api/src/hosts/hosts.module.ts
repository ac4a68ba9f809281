import { Module } from '@nestjs/common';
import { ControlKey } from './control-key.js';
import { HostCommandStore } from './host-command.store.js';
import { HostCommands } from './host-commands.js';
import { HostEvents } from './host-events.js';
import { HostRegistry } from './host-registry.js';
import { HostStore } from './host.store.js';
import { HostsController } from './hosts.controller.js';
import { VerifyBatch } from './verify-batch.js';

@Module({
  controllers: [HostsController],
  providers: [ControlKey, HostCommandStore, HostCommands, HostEvents, HostRegistry, HostStore, VerifyBatch],
  exports: [ControlKey, HostCommands, HostEvents, HostRegistry, HostStore, VerifyBatch],
})
export class HostsModule {}
