/**
 * What each command does.
 *
 * Design. Every command acts on the machine, waits until the readings it caused are durable, and answers the change of the
 * host's durable state; the caller stores that change together with the answer in one record. A crash in between
 * leaves the old state, and the command is executed anew when it is sent again.
 *
 * Errors. ENOENT (no such domain, volume, lease, image), EEXIST, EBUSY (volume in use), EPERM (volume of another tenant), ENOLEASE,
 * EINVAL, ESTALE, EKEYREJECTED, ENOMEM, EADDRINUSE, ENOSPC, EIO.
 */
import type { KeyObject } from 'node:crypto';
import type { Command, CommandError, DomainConfig, PauseCause, VolumeConfig } from '../control.js';
import type { DomainBook, DomainEntry } from '../host/domain-book.js';
import type { LiveHost } from '../host/live-host.js';
import type { LeaseBook } from '../leases/lease-book.js';
import type { BatchPublisher } from '../metering/batch-publisher.js';
import { readSignedLease } from '../proof/lease-signature.js';
import type { HostState, StateChange, StoredDomain } from '../storage/host-state.js';
import type { VolumeFiles } from '../storage/volume-files.js';
import type { ShutdownWaits } from './shutdown-waits.js';

/** Outcome of a command: what to store, or why nothing was done. */
export interface Outcome {
  error: CommandError | null;
  change?: Pick<StateChange, 'domains' | 'volumes'>;
  /** Label of the cut the command forced. */
  utcNs?: bigint;
}

export interface ExecutorParts {
  live: LiveHost;
  state: HostState;
  domains: DomainBook;
  files: VolumeFiles;
  leases: LeaseBook;
  publisher: BatchPublisher;
  waits: ShutdownWaits;
  controlPublicKey: KeyObject;
}

type Executable = Exclude<Command, { type: 'acknowledge' }>;

function refuse(code: string, detail: string): Outcome {
  return { error: { code, detail } };
}

export class CommandExecutor {
  constructor(private readonly parts: ExecutorParts) {}

  /** Executes a checked command. */
  async execute(command: Executable): Promise<Outcome> {
    switch (command.type) {
      case 'create-volume':
        return this.createVolume(command.volume);
      case 'delete-volume':
        return this.deleteVolume(command.volumeId);
      case 'build-domain':
        return this.buildDomain(command.domain);
      case 'start-domain':
        return this.withDomain(command.domainId, (entry) => this.startDomain(entry));
      case 'pause-domain':
        return this.withDomain(command.domainId, (entry) => this.setPaused(entry, command.cause, true));
      case 'unpause-domain':
        return this.withDomain(command.domainId, (entry) => this.setPaused(entry, command.cause, false));
      case 'shutdown-domain':
        return this.withDomain(command.domainId, (entry) => this.shutdownDomain(entry, command.timeoutMs));
      case 'destroy-domain':
        return this.withDomain(command.domainId, (entry) => this.destroyDomain(entry));
      case 'set-scheduling':
        return this.withDomain(command.domainId, (entry) =>
          this.setScheduling(entry, command.weight, command.cap),
        );
      case 'cut':
        return this.cut(command.resourceIds, command.reason);
      case 'set-lease': {
        const { lease, error } = readSignedLease(this.parts.controlPublicKey, command.lease);
        if (error !== null) return { error };
        const taken = this.parts.leases.take(lease);
        await this.parts.publisher.flush();
        return { error: taken.error, utcNs: taken.utcNs ?? undefined };
      }
      case 'end-lease': {
        const utcNs = this.parts.leases.end(command.leaseId);
        if (utcNs === null) return refuse('ENOENT', `lease ${command.leaseId} is not held here`);
        await this.parts.publisher.flush();
        return { error: null, utcNs };
      }
    }
  }

  private async createVolume(volume: VolumeConfig): Promise<Outcome> {
    const { state, live, files, publisher } = this.parts;
    const { volumeId, tenantId, bytes } = volume;
    if (state.volumes.has(volumeId)) return refuse('EEXIST', `volume ${volumeId} exists`);
    if (this.parts.domains.entries.has(volumeId))
      return refuse('EEXIST', `${volumeId} is the id of a domain`);
    try {
      await files.create(volume);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return refuse(code ?? 'EIO', `volume ${volumeId}: ${message}`);
    }
    // Known before the machine reports it, because its opening reading names the tenant.
    state.volumes.set(volumeId, { volumeId, tenantId, bytes });
    const opened = live.act(
      (host) => host.openVolume({ id: volumeId, sizeBytes: BigInt(bytes) }),
      volumeId,
      'create',
    );
    if (!opened.ok) {
      state.volumes.delete(volumeId);
      await files.delete(volumeId);
      return refuse(opened.errno, opened.detail);
    }
    await publisher.flush();
    return { error: null, change: { volumes: { [volumeId]: { volumeId, tenantId, bytes } } } };
  }

  private async deleteVolume(volumeId: string): Promise<Outcome> {
    const { state, live, files, publisher, domains } = this.parts;
    if (!state.volumes.has(volumeId)) return refuse('ENOENT', `volume ${volumeId} is not on this host`);
    const user = this.userOf(volumeId);
    if (user !== null) return refuse('EBUSY', `volume ${volumeId} belongs to domain ${user}`);
    const closed = await domains.whileInFlight(() =>
      live.act((host) => host.closeVolume(volumeId), volumeId, 'delete'),
    );
    if (!closed.ok) return refuse(closed.errno, closed.detail);
    await publisher.flush();
    // Forgotten before the file goes: a file without a volume is removed at the next start, not the reverse.
    await state.commit({ volumes: { [volumeId]: null } });
    await files.delete(volumeId);
    return { error: null };
  }

  private async buildDomain(config: DomainConfig): Promise<Outcome> {
    const { state, domains, leases } = this.parts;
    const { domainId, tenantId } = config;
    if (domains.entries.has(domainId)) return refuse('EEXIST', `domain ${domainId} exists`);
    for (const volumeId of config.volumeIds) {
      const volume = state.volumes.get(volumeId);
      if (volume === undefined) return refuse('ENOENT', `domain.volumeIds: ${volumeId} is not on this host`);
      if (volume.tenantId !== tenantId)
        return refuse('EPERM', `domain.volumeIds: ${volumeId} is of another tenant`);
      const user = this.userOf(volumeId);
      if (user !== null) return refuse('EBUSY', `domain.volumeIds: ${volumeId} belongs to domain ${user}`);
    }
    for (const { hostPort } of config.publishedPorts) {
      const owner = hostPort === null ? null : domains.ownerOf(hostPort);
      if (owner !== null)
        return refuse('EADDRINUSE', `domain.publishedPorts: ${hostPort} belongs to domain ${owner}`);
    }
    const { entry, error } = await domains.build({ config, power: 'built', pauseCauses: [] });
    if (error !== null) return { error };
    domains.entries.set(domainId, entry);
    leases.refresh(tenantId);
    return { error: null, change: { domains: { [domainId]: entry.stored } } };
  }

  private async startDomain(entry: DomainEntry): Promise<Outcome> {
    const { domains, leases } = this.parts;
    const { domainId, tenantId } = entry.stored.config;
    if (entry.stored.power === 'started' && entry.domId !== null) return { error: null };
    if (!leases.covers(tenantId))
      return refuse('ENOLEASE', `tenant ${tenantId} has no valid lease on this host`);
    if (entry.domId === null) {
      const built = await domains.build(entry.stored);
      if (built.error !== null) return { error: built.error };
      domains.entries.set(domainId, built.entry);
      leases.refresh(tenantId);
      return this.startBuilt(built.entry);
    }
    return this.startBuilt(entry);
  }

  private async startBuilt(entry: DomainEntry): Promise<Outcome> {
    this.parts.domains.unpauseBuilt(entry.stored.config.domainId, entry.domId!, 'start');
    await this.parts.publisher.flush();
    return this.stored(entry, { power: 'started' });
  }

  private async setPaused(entry: DomainEntry, cause: PauseCause, paused: boolean): Promise<Outcome> {
    const others = entry.stored.pauseCauses.filter((held) => held !== cause);
    if (entry.stored.pauseCauses.includes(cause) === paused) return { error: null };
    if (entry.domId !== null) this.parts.domains.setPaused(entry.domId, cause, paused);
    await this.parts.publisher.flush();
    return this.stored(entry, { pauseCauses: paused ? [...others, cause] : others });
  }

  /** The guest ends by itself within `timeoutMs`, or by force then; at once when it can not or does not listen. */
  private async shutdownDomain(entry: DomainEntry, timeoutMs: number): Promise<Outcome> {
    const { live, domains, publisher, waits } = this.parts;
    const { domId } = entry;
    const { domainId } = entry.stored.config;
    if (domId === null) return entry.stored.power === 'halted' ? { error: null } : this.halted(entry);
    if (timeoutMs > 0 && live.act((host) => host.requestShutdown(domId)).ok) {
      await waits.wait(domainId, BigInt(timeoutMs) * 1_000_000n);
    }
    const asked = live.act((host) => host.shutdownDomain(domId, 'poweroff'));
    if (!asked.ok) return refuse(asked.errno, asked.detail);
    domains.takeDown(domainId, domId, 'shutdown');
    await publisher.flush();
    return this.halted(entry);
  }

  private halted(entry: DomainEntry): Outcome {
    return this.stored(entry, { power: 'halted' });
  }

  private async destroyDomain(entry: DomainEntry): Promise<Outcome> {
    const { domains, leases, publisher } = this.parts;
    const { domainId, tenantId } = entry.stored.config;
    if (entry.domId !== null) domains.takeDown(domainId, entry.domId, 'destroy');
    domains.entries.delete(domainId);
    leases.refresh(tenantId);
    await publisher.flush();
    return { error: null, change: { domains: { [domainId]: null } } };
  }

  private async setScheduling(entry: DomainEntry, weight: number, cap: number): Promise<Outcome> {
    const { live, publisher } = this.parts;
    const { domId } = entry;
    const { config } = entry.stored;
    if (cap > 100 * config.vcpus)
      return refuse('EINVAL', `cap is ${cap}, at most ${100 * config.vcpus} for ${config.vcpus} vcpus`);
    const utcNs = live.utcNs();
    if (domId !== null) {
      for (const set of [
        live.act((host) => host.setWeight(domId, weight)),
        live.act((host) => host.setCap(domId, cap)),
      ]) {
        if (!set.ok) return refuse(set.errno, set.detail);
      }
    }
    await publisher.flush();
    return { ...this.stored(entry, { config: { ...config, weight, cap } }), utcNs };
  }

  private async cut(resourceIds: readonly string[] | null, reason: string): Promise<Outcome> {
    const { live, state, domains, publisher } = this.parts;
    const unknown = (resourceIds ?? []).find((id) => !domains.entries.has(id) && !state.volumes.has(id));
    if (unknown !== undefined) return refuse('ENOENT', `resourceIds: ${unknown} is not on this host`);
    const utcNs = live.cut(resourceIds === null ? null : new Set(resourceIds), reason);
    await publisher.flush();
    return { error: null, utcNs };
  }

  private stored(entry: DomainEntry, change: Partial<StoredDomain>): Outcome {
    entry.stored = { ...entry.stored, ...change };
    return { error: null, change: { domains: { [entry.stored.config.domainId]: entry.stored } } };
  }

  private async withDomain(
    domainId: string,
    act: (entry: DomainEntry) => Promise<Outcome>,
  ): Promise<Outcome> {
    const entry = this.parts.domains.entries.get(domainId);
    return entry === undefined ? refuse('ENOENT', `domain ${domainId} is not on this host`) : act(entry);
  }

  private userOf(volumeId: string): string | null {
    for (const [domainId, { stored }] of this.parts.domains.entries) {
      if (stored.config.volumeIds.includes(volumeId)) return domainId;
    }
    return null;
  }
}
