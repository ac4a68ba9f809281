/**
 * One live host: its folder, its machine, its devices and its control protocol, put together.
 *
 * Design. `open` reads the folder, begins a new boot epoch and brings back volumes and domains; `start` lets time pass;
 * `receive` takes commands; everything that leaves is an event. Each part is explained in its own file.
 *
 * Invariants. Nothing outside the host's folder is written. After a failed assertion or a dead journal nothing runs any
 * more and every command is answered EIO.
 */
import { Host, type HostEvent as MachineEvent, type UplinkPort } from '@xenorack/hypervisor';
import { CommandDesk } from '../commands/command-desk.js';
import { CommandExecutor } from '../commands/execute-command.js';
import { ShutdownWaits } from '../commands/shutdown-waits.js';
import type { PacerTimers } from '../clock/pacer.js';
import { UtcLabel } from '../clock/utc-label.js';
import { realClock, type WallClock } from '../clock/wall-clock.js';
import type { Command, HostEvent } from '../control.js';
import { LeaseBook } from '../leases/lease-book.js';
import { BatchPublisher } from '../metering/batch-publisher.js';
import { MeterBook } from '../metering/meter-book.js';
import { TcpUplink } from '../network/tcp-uplink.js';
import { readPublicKey } from '../proof/batch.js';
import { VolumeFiles } from '../storage/volume-files.js';
import { DomainBook } from './domain-book.js';
import { DomainWatch } from './domain-watch.js';
import { followMachine } from './follow-machine.js';
import { HostFolder } from './host-folder.js';
import { closeLives, openLives, type LifeParts } from './host-lives.js';
import { LiveHost } from './live-host.js';

/** What a host is started with; plain JSON, so that it can be handed to a worker thread. */
export interface XenoServerOptions {
  hostId: string;
  /** Folder of this host alone; made when missing, locked while open. Nothing outside it is written. */
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
  private readonly waits: ShutdownWaits;
  private readonly files: VolumeFiles;
  private readonly domains: DomainBook;
  private readonly leases: LeaseBook;
  private readonly desk: CommandDesk;
  private readonly watch: DomainWatch;
  private readonly bootUtcNs: bigint;
  /** What the boot has to tell; `booted` comes first. */
  private readonly afterBoot: (() => void)[] = [];
  private stopped = false;

  private constructor(
    private readonly options: XenoServerOptions,
    private readonly emit: (event: HostEvent) => void,
    private readonly folder: HostFolder,
    time: XenoServerTime,
  ) {
    const { hostId } = options;
    const { state, journal, key } = folder;
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
    this.files = new VolumeFiles(folder.volumesFolder, (requestId, outcome) =>
      this.deliver((host) =>
        host.completeDisk(requestId, outcome.ok ? 'ok' : 'error', outcome.ok ? outcome.data : undefined),
      ),
    );
    this.uplink = this.openUplink();
    const host = new Host(this.machineConfig(this.files, this.uplink));
    this.waits = new ShutdownWaits(() => host.nowNs);
    this.live = new LiveHost({
      host,
      clock,
      labels,
      book: this.book,
      publisher: this.publisher,
      tenantOf: (resourceId) => this.tenantOf(resourceId) ?? '',
      onMachineEvent: (event, utcNs) => this.follow(event, utcNs),
      onSecond: (utcNs) => this.onSecond(utcNs),
      nextDueUtcNs: () => this.leases.nextExpiryUtcNs(),
      onDue: (utcNs) => this.leases.expire(utcNs),
      afterTurn: () => {
        this.uplink.pump();
        this.waits.tick();
      },
      onFault: (error) => this.onFault(error),
      timers: time.timers,
    });
    this.domains = new DomainBook(this.live, this.book, this.uplink);
    this.leases = this.openLeases();
    const { live, domains, files, leases, publisher, waits } = this;
    const controlPublicKey = readPublicKey(options.controlPublicKey);
    const executor = new CommandExecutor({
      live,
      state,
      domains,
      files,
      leases,
      publisher,
      waits,
      controlPublicKey,
    });
    this.desk = new CommandDesk({ hostId, live, state, domains, publisher, executor, waits, emit });
    this.watch = new DomainWatch({ hostId, live, state, domains, leases, publisher, desk: this.desk, emit });
  }

  /**
   * Opens the folder, begins a boot epoch and brings back what was there. Throws when the folder can not be used; EBUSY
   * when another process or thread uses it.
   */
  static async open(
    options: XenoServerOptions,
    emit: (event: HostEvent) => void,
    time: XenoServerTime = {},
  ): Promise<XenoServer> {
    const folder = await HostFolder.open(options.dataDir, options.hostId);
    let server: XenoServer | null = null;
    try {
      server = new XenoServer(options, emit, folder, time);
      await server.boot();
      return server;
    } catch (error) {
      server?.uplink.closeAll();
      await server?.files.closeAll();
      await folder.close();
      throw error;
    }
  }

  /** Says `booted`, sends what is unacknowledged and lets time pass. */
  start(): void {
    const { state, key } = this.folder;
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
    try {
      await this.desk.close();
      if (!this.live.isFaulted) await closeLives(this.lives);
    } finally {
      this.live.pacer.stop();
      this.uplink.closeAll();
      await this.publisher.flush().catch(() => undefined);
      await this.files.closeAll();
      await this.folder.close();
    }
  }

  private follow(event: MachineEvent, utcNs: bigint): void {
    const { watch, leases, waits } = this;
    followMachine({ watch, leases, waits }, event, utcNs);
  }

  private get lives(): LifeParts {
    const { live, files, domains, leases } = this;
    return { live, state: this.folder.state, files, domains, leases };
  }

  private async boot(): Promise<void> {
    for (const { domainId, reason } of await openLives(this.lives)) {
      this.afterBoot.push(() => this.watch.noteDomain(domainId, reason, this.live.utcNs()));
    }
  }

  private onSecond(utcNs: bigint): void {
    const figures = {
      utcNs: utcNs.toString(),
      ...this.live.figures(),
      domains: [...this.domains.entries.values()].filter((entry) => entry.domId !== null).length,
      unacknowledgedBatches: this.folder.journal.entries.length,
    };
    this.emit({ type: 'figures', hostId: this.options.hostId, figures });
    this.publisher.resendWhenQuiet(this.live.pacer.dueNs());
    void this.domains.publishMissing();
  }

  private onFault(error: unknown): void {
    const detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    this.uplink.closeAll();
    this.waits.close();
    void this.publisher
      .flush()
      .catch(() => undefined)
      .then(() =>
        this.emit({ type: 'frozen', hostId: this.options.hostId, epoch: this.folder.state.epoch, detail }),
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
      { bindAddress, portRange, isReserved: (hostPort) => this.domains.ownerOf(hostPort) !== null },
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
      seed: this.folder.state.epoch,
      wallClockAtBootNs: this.bootUtcNs,
      devices: { disk, uplink },
    };
  }

  private openLeases(): LeaseBook {
    const { hostId } = this.options;
    return new LeaseBook({
      hostId,
      epoch: this.folder.state.epoch,
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
    return domain?.stored.config.tenantId ?? this.folder.state.volumes.get(resourceId)?.tenantId ?? null;
  }

  private resourcesOf(tenantId: string): Set<string> {
    const volumes = [...this.folder.state.volumes.values()].filter((volume) => volume.tenantId === tenantId);
    return new Set([...this.domains.ofTenant(tenantId), ...volumes.map((volume) => volume.volumeId)]);
  }
}
