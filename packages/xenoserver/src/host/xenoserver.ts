/**
 * One live host: its folder, its machine, its devices and its control protocol, put together.
 *
 * Design. `open` reads the folder, begins a new boot epoch and brings back volumes and domains; `start` lets time pass;
 * `receive` takes commands; everything that leaves is an event. Each part is explained in its own file.
 *
 * Invariants. Nothing outside the host's folder is written. After a failed assertion or a dead journal nothing runs any
 * more and every command is answered EIO.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Host, type HostEvent as MachineEvent, type UplinkPort } from '@xenorack/hypervisor';
import { CommandDesk } from '../commands/command-desk.js';
import { CommandExecutor } from '../commands/execute-command.js';
import type { PacerTimers } from '../clock/pacer.js';
import { UtcLabel } from '../clock/utc-label.js';
import { realClock, type WallClock } from '../clock/wall-clock.js';
import type { Command, HostEvent } from '../control.js';
import { LeaseBook } from '../leases/lease-book.js';
import { BatchPublisher } from '../metering/batch-publisher.js';
import { MeterBook } from '../metering/meter-book.js';
import { TcpUplink } from '../network/tcp-uplink.js';
import { readPublicKey } from '../proof/batch.js';
import { openHostKey, type HostKey } from '../proof/host-key.js';
import { BatchJournal } from '../storage/batch-journal.js';
import { HostState } from '../storage/host-state.js';
import { VolumeFiles } from '../storage/volume-files.js';
import { DomainBook } from './domain-book.js';
import { DomainWatch } from './domain-watch.js';
import { LiveHost } from './live-host.js';

/** What a host is started with; plain JSON, so that it can be handed to a worker thread. */
export interface XenoServerOptions {
  hostId: string;
  /** Folder of this host alone; made when missing. Nothing outside it is written. */
  dataDir: string;
  location?: string;
  pcpus: number;
  /** Machine frames of 4 KiB. */
  frames: number;
  /** Frames Xen keeps for itself; default 1/64 of all, at least 256. */
  xenFrames?: number;
  /** The control plane's Ed25519 key, base64 of its DER SubjectPublicKeyInfo (`exportPublicKey`). */
  controlPublicKey: string;
  /** Address of published ports; default 127.0.0.1. */
  bindAddress?: string;
  /** Where free host ports are looked for; default 20000 to 29999. */
  portRange?: { first: number; last: number };
  /** Moves UTC labels against the real wall clock; for tests and demonstrations. */
  clock?: { utcOffsetNs: string };
}

/** Clocks and timers in place of the real ones, for tests. */
export interface XenoServerTime {
  clock?: WallClock;
  timers?: PacerTimers;
}

export class XenoServer {
  readonly live: LiveHost;
  private readonly book: MeterBook;
  private readonly publisher: BatchPublisher;
  private readonly uplink: TcpUplink;
  private readonly files: VolumeFiles;
  private readonly domains: DomainBook;
  private readonly leases: LeaseBook;
  private readonly desk: CommandDesk;
  private readonly watch: DomainWatch;
  private readonly bootUtcNs: bigint;
  /** What `restore` has to tell; `booted` comes first. */
  private readonly afterBoot: (() => void)[] = [];
  private stopped = false;

  private constructor(
    private readonly options: XenoServerOptions,
    private readonly emit: (event: HostEvent) => void,
    private readonly parts: { state: HostState; journal: BatchJournal; key: HostKey },
    time: XenoServerTime,
  ) {
    const { hostId } = options;
    const { state, journal, key } = parts;
    const { epoch } = state;
    const clock = time.clock ?? realClock(BigInt(options.clock?.utcOffsetNs ?? '0'));
    const labels = new UtcLabel(clock.utcNs(), journal.lastUtcNs);
    this.bootUtcNs = labels.labelOf(0n);
    const onFault = (error: unknown): void => this.live.fault(error);
    this.publisher = new BatchPublisher({
      hostId,
      epoch,
      privateKey: key.privateKey,
      journal,
      emit,
      onFault,
    });
    const tails = [...journal.heads].map(([id, head]): [string, string] => [id, head.hash]);
    this.book = new MeterBook(hostId, epoch, tails);
    this.files = new VolumeFiles(join(options.dataDir, 'volumes'), (requestId, outcome) =>
      this.deliver((host) =>
        host.completeDisk(requestId, outcome.ok ? 'ok' : 'error', outcome.ok ? outcome.data : undefined),
      ),
    );
    this.uplink = this.openUplink();
    const host = new Host(this.machineConfig(this.files, this.uplink));
    this.live = new LiveHost({
      host,
      clock,
      labels,
      book: this.book,
      publisher: this.publisher,
      tenantOf: (resourceId) => this.tenantOf(resourceId) ?? '',
      onMachineEvent: (event, utcNs) => this.onMachineEvent(event, utcNs),
      onSecond: (utcNs) => this.onSecond(utcNs),
      nextDueUtcNs: () => this.leases.nextExpiryUtcNs(),
      onDue: (utcNs) => this.leases.expire(utcNs),
      afterTurn: () => this.uplink.pump(),
      onFault: (error) => this.onFault(error),
      timers: time.timers,
    });
    this.domains = new DomainBook(this.live, this.book, this.uplink);
    this.leases = this.openLeases();
    const { live, domains, files, leases, publisher } = this;
    const controlPublicKey = readPublicKey(options.controlPublicKey);
    const executor = new CommandExecutor({
      live,
      state,
      domains,
      files,
      leases,
      publisher,
      controlPublicKey,
    });
    this.desk = new CommandDesk({ hostId, live, state, domains, publisher, executor, emit });
    this.watch = new DomainWatch({ hostId, live, state, domains, leases, publisher, desk: this.desk, emit });
  }

  /** Opens the folder, begins a boot epoch and brings back what was there. Throws when the folder can not be used. */
  static async open(
    options: XenoServerOptions,
    emit: (event: HostEvent) => void,
    time: XenoServerTime = {},
  ): Promise<XenoServer> {
    const { dataDir, hostId } = options;
    for (const folder of ['', 'journal', 'volumes'])
      mkdirSync(join(dataDir, folder), { recursive: true, mode: 0o700 });
    const key = openHostKey(join(dataDir, 'host.key'));
    const state = await HostState.open(dataDir, hostId);
    const journal = await BatchJournal.open(join(dataDir, 'journal'));
    const server = new XenoServer(options, emit, { state, journal, key }, time);
    await server.restore();
    return server;
  }

  /** Says `booted`, sends what is unacknowledged and lets time pass. */
  start(): void {
    const { state, key } = this.parts;
    const { framesTotal, framesFree, pcpus } = this.live.figures();
    this.emit({
      type: 'booted',
      hostId: this.options.hostId,
      epoch: state.epoch,
      publicKey: key.publicKey,
      bootUtcNs: this.bootUtcNs.toString(),
      pcpus,
      framesTotal,
      framesFree,
      domains: [...this.domains.entries.keys()].map((domainId) => this.domains.facts(domainId)!),
    });
    for (const tell of this.afterBoot.splice(0)) tell();
    void this.publisher.start();
    this.live.pacer.start();
  }

  /** Takes a command of any origin; the answer is an `operation-done` event, except for `acknowledge`, which has none. */
  receive(message: Command): void {
    this.desk.receive(message);
  }

  /** Closes every incarnation with a durable final reading (reason `host-stop`), then everything else. */
  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    await this.desk.close();
    if (!this.live.isFaulted) await this.closeIncarnations();
    this.live.pacer.stop();
    this.uplink.closeAll();
    await this.publisher.flush().catch(() => undefined);
    await this.files.closeAll();
    await this.parts.journal.close();
    await this.parts.state.close();
  }

  private async restore(): Promise<void> {
    const { state } = this.parts;
    await this.files.openAll(state.volumes.values());
    for (const { volumeId, bytes } of state.volumes.values()) {
      this.live.act((host) => host.openVolume({ id: volumeId, sizeBytes: BigInt(bytes) }), volumeId, 'boot');
    }
    for (const stored of state.domains.values()) {
      this.domains.entries.set(stored.config.domainId, { stored, domId: null });
    }
    for (const stored of [...state.domains.values()]) {
      if (stored.power === 'halted' || stored.power === 'crashed') continue;
      const error = await this.domains.rebuild(stored);
      if (error === null) continue;
      const { domainId } = stored.config;
      this.domains.entries.get(domainId)!.stored = { ...stored, power: 'crashed' };
      this.afterBoot.push(() =>
        this.watch.noteDomain(domainId, `rebuild-failed: ${error.code} ${error.detail}`, this.live.utcNs()),
      );
    }
    for (const tenantId of new Set([...state.domains.values()].map(({ config }) => config.tenantId))) {
      this.leases.refresh(tenantId);
    }
    // Under guard nothing runs: each domain waits for its tenant's lease of this epoch.
    for (const { stored, domId } of this.domains.entries.values()) {
      if (stored.power === 'started' && domId !== null) this.domains.unpauseBuilt(domId);
    }
  }

  private async closeIncarnations(): Promise<void> {
    this.live.catchUp();
    for (const [domainId, { domId }] of this.domains.entries) {
      if (domId !== null) this.domains.takeDown(domainId, domId, 'host-stop');
    }
    for (const volumeId of this.parts.state.volumes.keys()) {
      await this.domains.whileInFlight(() =>
        this.live.act((host) => host.closeVolume(volumeId), volumeId, 'host-stop'),
      );
    }
  }

  private onMachineEvent(event: MachineEvent, utcNs: bigint): void {
    switch (event.type) {
      case 'domain.state':
        this.watch.noteDomain(
          event.id,
          event.state === 'running' ? 'running' : `${event.state}:${event.cause}`,
          utcNs,
        );
        break;
      case 'domain.shutdown':
        this.watch.reap(event.id, event.domId, event.reason);
        break;
      case 'domain.crashed':
        this.watch.reap(event.id, event.domId, 'crash');
        break;
      case 'allowance.warned':
        this.leases.noteAllowance(event.allowanceId, 'warned', event.drawn, utcNs);
        break;
      case 'allowance.exhausted':
        this.leases.noteAllowance(event.allowanceId, 'exhausted', event.drawn, utcNs);
        break;
      case 'allowance.resumed':
        this.leases.noteAllowance(event.allowanceId, 'open', event.drawn, utcNs);
        break;
      case 'domain.created':
      case 'domain.resized':
      case 'domain.destroyed':
      case 'incarnation.opened':
      case 'incarnation.closed':
      case 'volume.opened':
      case 'volume.closed':
        // Caused by commands, which answer for themselves; their readings are booked already.
        break;
    }
  }

  private onSecond(utcNs: bigint): void {
    const figures = {
      utcNs: utcNs.toString(),
      ...this.live.figures(),
      domains: [...this.domains.entries.values()].filter((entry) => entry.domId !== null).length,
      unacknowledgedBatches: this.parts.journal.entries.length,
    };
    this.emit({ type: 'figures', hostId: this.options.hostId, figures });
    this.publisher.resendWhenQuiet(this.live.pacer.dueNs());
    void this.domains.publishMissing();
  }

  private onFault(error: unknown): void {
    const detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    this.uplink.closeAll();
    void this.publisher
      .flush()
      .catch(() => undefined)
      .then(() =>
        this.emit({ type: 'frozen', hostId: this.options.hostId, epoch: this.parts.state.epoch, detail }),
      );
  }

  /** A device hands something to the machine; after a fault there is nobody to take it. */
  private deliver<T>(act: (host: Host) => T): T | null {
    if (this.live.isFaulted) return null;
    try {
      return this.live.act(act);
    } catch {
      // `act` has frozen the host and told why.
      return null;
    }
  }

  private openUplink(): TcpUplink {
    const { bindAddress = '127.0.0.1', portRange = { first: 20_000, last: 29_999 } } = this.options;
    return new TcpUplink(
      { bindAddress, portRange, isReserved: (hostPort) => this.domains.owns(hostPort) },
      {
        connect: (listenId, connectionId) =>
          this.deliver((host) => host.uplinkAccepted(listenId, connectionId))?.ok ?? false,
        received: (connectionId, bytes) =>
          void this.deliver((host) => host.uplinkReceived(connectionId, bytes)),
        sent: (connectionId, bytes) => void this.deliver((host) => host.uplinkSent(connectionId, bytes)),
        closed: (connectionId, reason) =>
          void this.deliver((host) => host.uplinkClosed(connectionId, reason)),
        wake: () => this.live.pacer.wake(),
      },
    );
  }

  private machineConfig(disk: VolumeFiles, uplink: UplinkPort): ConstructorParameters<typeof Host>[0] {
    const { hostId, pcpus, frames, xenFrames = Math.max(256, frames >> 6) } = this.options;
    // The seed only feeds guests; the epoch makes two boots differ and a replay possible.
    return {
      name: hostId,
      pcpus,
      frames,
      xenFrames,
      seed: this.parts.state.epoch,
      devices: { disk, uplink },
    };
  }

  private openLeases(): LeaseBook {
    const { hostId } = this.options;
    return new LeaseBook({
      hostId,
      epoch: this.parts.state.epoch,
      utcNs: () => this.live.utcNs(),
      setAllowance: (spec) => {
        const set = this.live.act((host) => host.setAllowance(spec));
        return set.ok ? null : { code: set.errno, detail: set.detail };
      },
      removeAllowance: (id) => void this.live.act((host) => host.removeAllowance(id)),
      allowanceStatus: (id) =>
        this.live.act((host) => host.allowances().find((status) => status.id === id) ?? null),
      domainsOf: (tenantId) => this.domains.ofTenant(tenantId),
      tenantOf: (resourceId) => this.tenantOf(resourceId),
      cutTenant: (tenantId, reason) => this.live.cut(this.resourcesOf(tenantId), reason),
      emit: this.emit,
    });
  }

  private tenantOf(resourceId: string): string | null {
    const domain = this.domains.entries.get(resourceId);
    return domain?.stored.config.tenantId ?? this.parts.state.volumes.get(resourceId)?.tenantId ?? null;
  }

  private resourcesOf(tenantId: string): Set<string> {
    const volumes = [...this.parts.state.volumes.values()].filter((volume) => volume.tenantId === tenantId);
    return new Set([...this.domains.ofTenant(tenantId), ...volumes.map((volume) => volume.volumeId)]);
  }
}
