import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Gauge } from 'prom-client';
import { Config } from '../config.js';
import { Database } from '../database.js';
import { relayedChannel } from '../event-feed.js';
import { Idempotency } from '../idempotency.js';
import { Jobs, type Ticker } from '../jobs.js';
import { Metrics } from '../metrics.js';
import { EventListeners } from '../outbox.js';
import { Readiness } from '../readiness.js';
import { RedisLink } from '../redis.js';
import { UnitOfWork } from '../unit-of-work.js';
import { WallClock } from '../wall-clock.js';
import { EventDelivering } from './deliver-events.js';
import { JobQueues } from './job-queues.js';
import { Leader } from './leader.js';
import { numberEvents, numberedAtOnce } from './number-events.js';

const recoverEveryMs = 3_000;
const silentMaxMs = 15_000;

/** What the role jobs does: number events, deliver them, carry jobs to workers, run tickers. */
@Injectable()
export class Relay implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(Relay.name);
  private readonly delivering: EventDelivering;
  private readonly queues: JobQueues;
  private leader: Leader | undefined;
  private ticking: NodeJS.Timeout[] = [];
  private readonly running = new Set<Promise<void>>();
  private leads = false;
  private lastStepMs = 0;

  constructor(
    private readonly config: Config,
    private readonly database: Database,
    private readonly unitOfWork: UnitOfWork,
    private readonly redis: RedisLink,
    private readonly jobs: Jobs,
    private readonly listeners: EventListeners,
    private readonly idempotency: Idempotency,
    private readonly clock: WallClock,
    private readonly metrics: Metrics,
    private readonly readiness: Readiness,
  ) {
    this.delivering = new EventDelivering(database, listeners, clock, metrics);
    this.queues = new JobQueues(database, redis, clock, metrics);
  }

  /** Every module has registered its handlers by now. Errors: throws when a job of the map has none. */
  onApplicationBootstrap(): void {
    if (!this.config.roles.has('jobs')) return;
    this.jobs.assertComplete();
    this.jobs.every('platform:recover-jobs', recoverEveryMs, () => this.recoverJobs());
    this.jobs.every('platform:idempotency-keys', 3_600_000, async () => {
      await this.unitOfWork.run((tx) => this.idempotency.removeExpired(tx));
    });
    this.gaugeJobs();
    this.readiness.add('relay', () => this.assertAlive());
    this.queues.startWorkers(this.jobs);
    this.leader = new Leader(this.config.databaseUrl, {
      step: () => this.step(),
      onGain: () => this.startTickers(),
      onLoss: () => this.stopTickers(),
    });
    this.leader.start();
  }

  /** Stops taking work, lets the work under way end. HTTP is still open, so a job may yet be waited for. */
  async beforeApplicationShutdown(): Promise<void> {
    this.stopTickers();
    await this.leader?.stop();
    await Promise.all([...this.running, this.queues.stop()]);
  }

  /** Makes jobs that Redis lost wait for it again. @returns How many. */
  async recoverJobs(): Promise<void> {
    const lost = await this.queues.recoverLost();
    if (lost > 0) {
      this.logger.warn(`${lost} jobs were lost by Redis and are queued again.`);
      await this.queues.enqueueRequested();
    }
  }

  /** Events do not wait for Redis: each part goes on when another one fails. */
  private async step(): Promise<void> {
    await this.numberAll();
    await Promise.all([
      this.drain('events', () => this.delivering.deliverDue()),
      this.drain('jobs', () => this.queues.enqueueRequested()),
    ]);
    this.lastStepMs = this.clock.now().getTime();
  }

  private async numberAll(): Promise<void> {
    for (;;) {
      const count = await numberEvents(this.unitOfWork, (type) =>
        this.listeners.of(type).map(({ name }) => name),
      );
      if (count > 0) {
        this.metrics.eventsRelayed.inc(count);
        this.redis.client.publish(relayedChannel(this.redis), '').catch(() => undefined);
      }
      if (count < numberedAtOnce) return;
    }
  }

  private async drain(what: string, once: () => Promise<boolean>): Promise<void> {
    try {
      while (await once());
    } catch (error) {
      this.logger.warn(`Relaying ${what} is tried again: ${(error as Error).message}`);
    }
  }

  private startTickers(): void {
    this.leads = true;
    this.ticking = this.jobs.tickers.map((ticker) => this.tick(ticker));
  }

  private stopTickers(): void {
    this.leads = false;
    for (const timer of this.ticking) clearInterval(timer);
    this.ticking = [];
  }

  private tick(ticker: Ticker): NodeJS.Timeout {
    let busy = false;
    const run = async () => {
      if (busy || !this.leads) return;
      busy = true;
      try {
        await ticker.run();
      } catch (error) {
        this.logger.error(`Ticker ${ticker.name} failed: ${(error as Error).stack}`);
      } finally {
        busy = false;
      }
    };
    return setInterval(() => {
      const running: Promise<void> = run().finally(() => this.running.delete(running));
      this.running.add(running);
    }, ticker.everyMs);
  }

  /** Errors: throws when this process leads and its relay no longer moves. */
  private async assertAlive(): Promise<void> {
    const silentMs = this.clock.now().getTime() - this.lastStepMs;
    if (this.leads && this.lastStepMs > 0 && silentMs > silentMaxMs) {
      throw new Error(`the relay has been silent for ${Math.round(silentMs / 1000)} s`);
    }
  }

  private gaugeJobs(): void {
    const { prisma } = this.database;
    new Gauge({
      name: 'xenorack_jobs',
      help: 'Jobs that have not ended well, by status.',
      labelNames: ['job', 'status'],
      registers: [this.metrics.registry],
      async collect() {
        const open = { status: { in: ['requested', 'queued', 'running', 'failed'] } };
        const counts = await prisma.job.groupBy({ by: ['name', 'status'], where: open, _count: true });
        this.reset();
        for (const row of counts) this.set({ job: row.name, status: row.status }, row._count);
      },
    });
  }
}
