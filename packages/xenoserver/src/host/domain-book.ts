/**
 * The domains of a host: what they are made of, which of them exist in the machine, and their ports.
 *
 * Design. A StoredDomain outlives the machine; `domId` is its number in the machine while it exists there. Halted and
 * crashed domains have none: their memory is free and their ports are closed, but the port numbers stay theirs.
 *
 * Errors. Builds answer ENOENT (image), the machine's own errors and those of `listen`; a refused build leaves nothing.
 */
import {
  IMAGES,
  type Answer,
  type DomainInfo,
  type GuestImage,
  type PauseCause as MachineCause,
} from '@xenorack/hypervisor';
import type { CommandError, DomainConfig, DomainFacts, PauseCause } from '../control.js';
import type { MeterBook } from '../metering/meter-book.js';
import type { TcpUplink } from '../network/tcp-uplink.js';
import type { StoredDomain } from '../storage/host-state.js';
import type { LiveHost } from './live-host.js';

export interface DomainEntry {
  stored: StoredDomain;
  domId: number | null;
}

const MACHINE_CAUSE: Record<PauseCause, MachineCause> = {
  tenant: 'tenant',
  operator: 'operator',
  billing: 'host',
};
/** A transfer in flight ends within this, or the volume counts as busy. */
const IN_FLIGHT_TRIES = 500;
const IN_FLIGHT_WAIT_MS = 10;

export class DomainBook {
  readonly entries = new Map<string, DomainEntry>();
  /** Ports that were taken by somebody else at a restart; tried again until they are free. */
  private readonly missingPorts = new Map<
    string,
    { domainId: string; guestPort: number; hostPort: number }
  >();

  constructor(
    private readonly live: LiveHost,
    private readonly book: MeterBook,
    private readonly uplink: TcpUplink,
  ) {}

  /** The domain, up or not, that a host port belongs to; null when it is nobody's. */
  ownerOf(hostPort: number): string | null {
    for (const [domainId, { stored }] of this.entries) {
      if (stored.config.publishedPorts.some((port) => port.hostPort === hostPort)) return domainId;
    }
    return null;
  }

  ofTenant(tenantId: string): string[] {
    const all = [...this.entries.values()].map(({ stored }) => stored.config);
    return all.filter((config) => config.tenantId === tenantId).map((config) => config.domainId);
  }

  facts(domainId: string): DomainFacts | null {
    const entry = this.entries.get(domainId);
    if (entry === undefined) return null;
    const { stored, domId } = entry;
    const info = domId === null || this.live.isFaulted ? undefined : this.infoOf(domId);
    const state = info === undefined ? restingState(stored) : liveState(info);
    return {
      domainId,
      domid: domId ?? 0,
      incarnation: this.book.incarnationOf(info?.incarnationSerial ?? null),
      state,
      ...(state === 'crashed' ? { crash: stored.crash ?? null } : {}),
      pauseCauses: info === undefined ? stored.pauseCauses : info.holds.map(wireHold),
      publishedPorts: stored.config.publishedPorts.flatMap(({ guestPort, hostPort }) =>
        hostPort === null ? [] : [{ guestPort, hostPort }],
      ),
    };
  }

  /**
   * Builds the domain in the machine, held by `build` and by its stored causes, and publishes its ports; answers the
   * entry with the ports bound. The entry is not yet in the book's durable state.
   */
  async build(
    stored: StoredDomain,
  ): Promise<{ entry: DomainEntry; error: null } | { entry: null; error: CommandError }> {
    const { config } = stored;
    const image = imageOf(config.image);
    if (image === null) {
      const names = Object.keys(IMAGES).join(', ');
      return {
        entry: null,
        error: { code: 'ENOENT', detail: `domain.image ${config.image} is not one of ${names}` },
      };
    }
    const built = await this.whileInFlight(() =>
      this.live.act((host) =>
        host.createDomain({
          name: config.name,
          id: config.domainId,
          vcpus: config.vcpus,
          weight: config.weight,
          cap: config.cap,
          memoryFrames: config.memoryFrames,
          volumes: config.volumeIds.map((volumeId) => ({ volumeId })),
          image,
        }),
      ),
    );
    if (!built.ok) return { entry: null, error: { code: built.errno, detail: built.detail } };
    const domId = built.value;
    for (const cause of stored.pauseCauses) this.live.act((host) => host.pause(domId, MACHINE_CAUSE[cause]));
    const published = await this.publish(config);
    if (published.error !== null) {
      this.takeDown(config.domainId, domId, 'build-failed');
      return { entry: null, error: published.error };
    }
    return { entry: { stored: { ...stored, config: published.config }, domId }, error: null };
  }

  /** As `build`, for a domain that comes back after a restart: a port that is taken now does not keep it down. */
  async rebuild(stored: StoredDomain): Promise<CommandError | null> {
    const withoutPorts: StoredDomain = { ...stored, config: { ...stored.config, publishedPorts: [] } };
    const { entry, error } = await this.build(withoutPorts);
    if (error !== null) return error;
    this.entries.set(stored.config.domainId, { stored, domId: entry.domId });
    for (const { guestPort, hostPort } of stored.config.publishedPorts) {
      if (hostPort === null) continue;
      const { domainId } = stored.config;
      this.missingPorts.set(`${domainId}:${guestPort}`, { domainId, guestPort, hostPort });
    }
    await this.publishMissing();
    return null;
  }

  /** Tries the ports that were taken at the restart again. */
  async publishMissing(): Promise<void> {
    for (const [key, { domainId, guestPort, hostPort }] of [...this.missingPorts]) {
      this.missingPorts.delete(key);
      if (this.entries.get(domainId)?.domId == null) continue;
      try {
        await this.uplink.publish(domainId, guestPort, hostPort);
        if (this.entries.get(domainId)?.domId == null) this.uplink.unpublish(domainId);
      } catch {
        this.missingPorts.set(key, { domainId, guestPort, hostPort });
      }
    }
  }

  /** Destroys the domain in the machine and closes its ports. */
  takeDown(domainId: string, domId: number, reason: string): void {
    this.live.act((host) => host.destroyDomain(domId), domainId, reason);
    this.uplink.unpublish(domainId);
    const entry = this.entries.get(domainId);
    if (entry !== undefined) entry.domId = null;
  }

  /** First unpause: the incarnation opens, paused when another hold is left; `reason` is its opening reading's. */
  unpauseBuilt(domainId: string, domId: number, reason: 'start' | 'boot'): void {
    this.live.act((host) => host.unpause(domId, 'build'), domainId, reason);
  }

  setPaused(domId: number, cause: PauseCause, paused: boolean): void {
    const machineCause = MACHINE_CAUSE[cause];
    this.live.act((host) => (paused ? host.pause(domId, machineCause) : host.unpause(domId, machineCause)));
  }

  /** Repeats an act that is refused while disk transfers of a destroyed domain are still in flight. */
  async whileInFlight<T>(act: () => Answer<T>): Promise<Answer<T>> {
    for (let tries = 1; ; tries++) {
      const result = act();
      if (result.ok || result.errno !== 'EBUSY' || tries === IN_FLIGHT_TRIES) return result;
      await new Promise((done) => setTimeout(done, IN_FLIGHT_WAIT_MS));
    }
  }

  private infoOf(domId: number): DomainInfo | undefined {
    return this.live.act((host) => host.list().find((info) => info.domId === domId));
  }

  private async publish(
    config: DomainConfig,
  ): Promise<{ config: DomainConfig; error: null } | { config: null; error: CommandError }> {
    const publishedPorts: DomainConfig['publishedPorts'] = [];
    for (const { guestPort, hostPort } of config.publishedPorts) {
      try {
        publishedPorts.push({
          guestPort,
          hostPort: await this.uplink.publish(config.domainId, guestPort, hostPort),
        });
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        const detail = `publishing guest port ${guestPort} on host port ${hostPort ?? 'of the range'}: ${message}`;
        return { config: null, error: { code: code ?? 'EIO', detail } };
      }
    }
    return { config: { ...config, publishedPorts }, error: null };
  }
}

function imageOf(name: string): GuestImage | null {
  return Object.hasOwn(IMAGES, name) ? (IMAGES as Readonly<Record<string, GuestImage>>)[name]! : null;
}

function restingState(stored: StoredDomain): DomainFacts['state'] {
  return stored.power === 'crashed' ? 'crashed' : 'halted';
}

function liveState(info: DomainInfo): DomainFacts['state'] {
  return info.power === 'shutdown' ? 'halted' : info.power;
}

function wireHold(cause: MachineCause): DomainFacts['pauseCauses'][number] {
  if (cause === 'build') return 'built';
  // Whoever works at the host's own toolstack is its operator.
  if (cause === 'toolstack') return 'operator';
  return cause === 'host' ? 'billing' : cause;
}
