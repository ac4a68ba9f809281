/**
 * How everything on a host comes to life at its boot and ends at its stop.
 *
 * Design. A boot is a new epoch: volumes open as new incarnations, and domains that were built are built again, with
 * their holds. A started one opens its incarnation here, at the boot, and waits for its tenant's lease of this epoch
 * as any domain without money waits: paused, and metered as paused, because its memory is its own from this instant.
 */
import type { LeaseBook } from '../leases/lease-book.js';
import type { HostState } from '../storage/host-state.js';
import type { VolumeFiles } from '../storage/volume-files.js';
import type { DomainBook } from './domain-book.js';
import type { LiveHost } from './live-host.js';

export interface LifeParts {
  live: LiveHost;
  state: HostState;
  files: VolumeFiles;
  domains: DomainBook;
  leases: LeaseBook;
}

/** A domain that did not come back, and why. */
export interface NotRebuilt {
  domainId: string;
  reason: string;
}

/** Opens all volumes and builds the domains that were up; answers those that could not be built. */
export async function openLives({ live, state, files, domains, leases }: LifeParts): Promise<NotRebuilt[]> {
  await files.openAll(state.volumes.values());
  for (const { volumeId, bytes } of state.volumes.values()) {
    live.act((host) => host.openVolume({ id: volumeId, sizeBytes: BigInt(bytes) }), volumeId, 'boot');
  }
  for (const stored of state.domains.values()) {
    domains.entries.set(stored.config.domainId, { stored, domId: null });
  }
  const failed: NotRebuilt[] = [];
  for (const stored of [...state.domains.values()]) {
    if (stored.power === 'halted' || stored.power === 'crashed') continue;
    const error = await domains.rebuild(stored);
    if (error === null) continue;
    const { domainId } = stored.config;
    domains.entries.get(domainId)!.stored = { ...stored, power: 'crashed' };
    failed.push({ domainId, reason: `rebuild-failed: ${error.code} ${error.detail}` });
  }
  for (const tenantId of new Set([...state.domains.values()].map(({ config }) => config.tenantId))) {
    leases.refresh(tenantId);
  }
  // Under guard nothing runs: each domain waits for its tenant's lease of this epoch.
  for (const { stored, domId } of domains.entries.values()) {
    if (stored.power === 'started' && domId !== null)
      domains.unpauseBuilt(stored.config.domainId, domId, 'boot');
  }
  return failed;
}

/** Closes every incarnation with a final reading (`host-stop`). */
export async function closeLives({ live, state, domains }: LifeParts): Promise<void> {
  live.catchUp();
  for (const [domainId, { domId }] of domains.entries) {
    if (domId !== null) domains.takeDown(domainId, domId, 'host-stop');
  }
  for (const volumeId of state.volumes.keys()) {
    await domains.whileInFlight(() => live.act((host) => host.closeVolume(volumeId), volumeId, 'host-stop'));
  }
}
