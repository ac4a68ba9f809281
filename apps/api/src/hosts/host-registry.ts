/**
 * Runs the XenoServers of this process (role `hosts`) and is the only holder of their links.
 *
 * Design. Each host's events pass one queue, so they are handled in the order the host sent them; a handler that
 * fails is tried again with the same event, because skipping a reading batch would leave a hole. Commands come from
 * the durable queue (host-commands.ts): at start, on a notification, and once a second in case one was missed.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { startXenoServer, type HostEvent, type HostLink } from '@xenorack/xenoserver';
import pg from 'pg';
import { Config } from '../platform/config.js';
import { Outbox } from '../platform/outbox.js';
import { UnitOfWork } from '../platform/unit-of-work.js';
import { WallClock } from '../platform/wall-clock.js';
import { ControlKey } from './control-key.js';
import { HOST_COMMAND_CHANNEL } from './host-command.store.js';
import { HostCommands } from './host-commands.js';
import { HostEvents } from './host-events.js';
import { HostStore, type HostRow } from './host.store.js';

const COMMAND_POLL_MS = 1_000;
const RETRY_MS_MIN = 50;
const RETRY_MS_MAX = 5_000;

interface RunningHost {
  link: HostLink;
  /** Tail of the chain of events being handled. */
  tail: Promise<void>;
  /** Commands given to the link and not answered yet. */
  sent: Set<string>;
}

@Injectable()
export class HostRegistry implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly log = new Logger(HostRegistry.name);
  private readonly running = new Map<string, RunningHost>();
  private listener: pg.Client | null = null;
  private poll: NodeJS.Timeout | null = null;
  private stopping = false;

  constructor(
    private readonly config: Config,
    private readonly hosts: HostStore,
    private readonly commands: HostCommands,
    private readonly events: HostEvents,
    private readonly controlKey: ControlKey,
    private readonly unitOfWork: UnitOfWork,
    private readonly outbox: Outbox,
    private readonly clock: WallClock,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    if (!this.config.roles.has('hosts')) return;
    // The floors above have registered by now; these run first all the same, because Nest inits floors upwards.
    for (const host of await this.hosts.list()) await this.start(host);
    await this.listen();
    this.poll = setInterval(() => void this.dispatchAll(), COMMAND_POLL_MS);
    await this.dispatchAll();
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopping = true;
    if (this.poll) clearInterval(this.poll);
    await this.listener?.end();
    for (const [hostId, host] of this.running) {
      await host.link.stop();
      await host.tail;
      await this.hosts.setState(hostId, 'down');
    }
    this.running.clear();
  }

  /** Sends a command that needs no answer; false when the host does not run in this process. */
  acknowledge(hostId: string, epoch: number, batch: number): boolean {
    const host = this.running.get(hostId);
    host?.link.send({ operationId: `ack.${hostId}.${epoch}.${batch}`, type: 'acknowledge', epoch, batch });
    return host !== undefined;
  }

  private async start(row: HostRow): Promise<void> {
    const link = await startXenoServer({
      hostId: row.id,
      dataDir: join(this.config.dataDir, 'hosts', row.id),
      location: row.location,
      pcpus: row.pcpus,
      frames: row.framesTotal,
      controlPublicKey: this.controlKey.publicKey,
    });
    const host: RunningHost = { link, tail: Promise.resolve(), sent: new Set() };
    this.running.set(row.id, host);
    link.onEvent((event) => {
      host.tail = host.tail.then(() => this.handle(host, event));
    });
  }

  /** Handles one event, again and again until it is handled or the process stops. Never rejects. */
  private async handle(host: RunningHost, event: HostEvent): Promise<void> {
    for (let waitMs = RETRY_MS_MIN; ; waitMs = Math.min(waitMs * 2, RETRY_MS_MAX)) {
      try {
        await this.handleOnce(host, event);
        return;
      } catch (error) {
        this.log.error(
          { err: error, hostId: host.link.hostId, event: event.type },
          'host event not handled, trying again',
        );
        if (this.stopping) return;
        await delay(waitMs);
      }
    }
  }

  private async handleOnce(host: RunningHost, event: HostEvent): Promise<void> {
    switch (event.type) {
      case 'booted':
        await this.unitOfWork.run(async (tx) => {
          const { hostId, epoch, publicKey } = event;
          await this.hosts.booted(
            tx,
            { hostId, epoch, publicKey, bootUtcNs: BigInt(event.bootUtcNs) },
            this.clock.now(),
          );
          await this.outbox.write(tx, {
            tenantId: null,
            type: 'host.booted',
            subject: { type: 'host', id: hostId },
            data: { epoch },
          });
        });
        break;
      case 'operation-done':
        host.sent.delete(event.operationId);
        await this.commands.settle(event);
        break;
      case 'figures':
        await this.hosts.seen(event.hostId, event.figures, this.clock.now());
        break;
      case 'frozen':
        this.log.fatal({ hostId: event.hostId, detail: event.detail }, 'host froze after a failed assertion');
        await this.hosts.setState(event.hostId, 'frozen');
        await this.unitOfWork.run((tx) =>
          this.outbox.write(tx, {
            tenantId: null,
            type: 'host.frozen',
            subject: { type: 'host', id: event.hostId },
            data: { epoch: event.epoch, detail: event.detail },
          }),
        );
        break;
      case 'readings':
      case 'domain-changed':
      case 'lease-changed':
        break;
    }
    await this.events.emit(event);
  }

  private async listen(): Promise<void> {
    const client = new pg.Client({ connectionString: this.config.databaseUrl });
    client.on('notification', (message) => {
      if (message.payload) void this.dispatch(message.payload);
    });
    client.on('error', (error) => {
      this.log.warn({ err: error }, 'lost the command notifications, polling until they are back');
      if (!this.stopping) setTimeout(() => void this.listen().catch(() => undefined), RETRY_MS_MAX).unref();
    });
    await client.connect();
    await client.query(`LISTEN ${HOST_COMMAND_CHANNEL}`);
    this.listener = client;
  }

  private async dispatchAll(): Promise<void> {
    await Promise.all([...this.running.keys()].map((hostId) => this.dispatch(hostId)));
  }

  private async dispatch(hostId: string): Promise<void> {
    const host = this.running.get(hostId);
    if (!host || this.stopping) return;
    try {
      for (const row of await this.commands.queued(hostId)) {
        if (host.sent.has(row.id)) continue;
        host.sent.add(row.id);
        host.link.send(row.command);
      }
    } catch (error) {
      this.log.warn({ err: error, hostId }, 'could not read the commands of the host, trying again');
    }
  }
}
