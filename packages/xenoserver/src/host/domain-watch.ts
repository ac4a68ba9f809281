/**
 * What follows when a domain changes without a command: the control plane is told, and a domain that ended is taken
 * down, so that its memory is free and its last reading durable. A guest that asked for a reboot is built again.
 */
import type { CrashRecord } from '@xenorack/hypervisor';
import type { CrashFacts, HostEvent } from '../control.js';
import type { CommandDesk } from '../commands/command-desk.js';
import type { LeaseBook } from '../leases/lease-book.js';
import type { BatchPublisher } from '../metering/batch-publisher.js';
import type { HostState } from '../storage/host-state.js';
import type { DomainBook } from './domain-book.js';
import type { LiveHost } from './live-host.js';

export interface WatchParts {
  hostId: string;
  live: LiveHost;
  state: HostState;
  domains: DomainBook;
  leases: LeaseBook;
  publisher: BatchPublisher;
  desk: CommandDesk;
  emit: (event: HostEvent) => void;
}

export class DomainWatch {
  constructor(private readonly parts: WatchParts) {}

  /** A domain crashed: how, is kept with it and goes out with the change of its state. */
  noteCrash(domainId: string, record: CrashRecord, utcNs: bigint): void {
    const entry = this.parts.domains.entries.get(domainId);
    if (entry !== undefined) entry.stored = { ...entry.stored, crash: crashFacts(record, utcNs) };
  }

  /** A domain ended by itself: its memory is given back, its last reading made durable, its end remembered. */
  reap(domainId: string, domId: number, reason: string): void {
    void this.parts.desk
      .inTurn(domainId, async () => {
        const entry = this.parts.domains.entries.get(domainId);
        if (entry?.domId !== domId || this.parts.live.isFaulted) return;
        this.parts.domains.takeDown(domainId, domId, reason === 'crash' ? 'crash' : `shutdown:${reason}`);
        await this.parts.publisher.flush();
        entry.stored = { ...entry.stored, power: reason === 'crash' ? 'crashed' : 'halted' };
        if (reason === 'reboot') await this.reboot(domainId);
        const { stored } = this.parts.domains.entries.get(domainId)!;
        await this.parts.state.commit({ domains: { [domainId]: stored } });
        this.noteDomain(domainId, reason, this.parts.live.utcNs());
      })
      .catch((error: unknown) => this.parts.live.fault(error));
  }

  private async reboot(domainId: string): Promise<void> {
    const entry = this.parts.domains.entries.get(domainId)!;
    const { entry: built } = await this.parts.domains.build(entry.stored);
    if (built === null) return;
    this.parts.domains.entries.set(domainId, { ...built, stored: { ...built.stored, power: 'started' } });
    this.parts.leases.refresh(built.stored.config.tenantId);
    this.parts.domains.unpauseBuilt(domainId, built.domId!, 'start');
  }

  /** Tells the control plane once the readings that belong to the change are out. */
  noteDomain(domainId: string, reason: string, utcNs: bigint): void {
    void this.parts.publisher.flush().then(
      () => {
        const domain = this.parts.domains.facts(domainId);
        if (domain === null) return;
        const { hostId } = this.parts;
        const { epoch } = this.parts.state;
        this.parts.emit({ type: 'domain-changed', hostId, epoch, domain, reason, utcNs: utcNs.toString() });
      },
      () => undefined,
    );
  }
}

/** The host's record as the control plane gets it: of the vCPUs, the one that ended the domain. */
function crashFacts(record: CrashRecord, utcNs: bigint): CrashFacts {
  const { message, livedNs, vcpu, pendingPorts, memoryFrames, meters, consoleLines } = record;
  const { runstateNs, hypercalls } = record.vcpus[vcpu ?? 0]!;
  return {
    reason: record.reason === 'watchdog' ? 'watchdog' : 'crash',
    message,
    utcNs: utcNs.toString(),
    livedNs,
    vcpu,
    runstateNs,
    hypercalls,
    pendingPorts,
    memoryFrames,
    meters,
    consoleLines,
  };
}
