import { Logger } from '@nestjs/common';
import { Queue, Worker, type Job as QueuedJob } from 'bullmq';
import type { Database } from '../database.js';
import type { JobName } from '../job-map.js';
import type { Handling, Jobs } from '../jobs.js';
import type { Metrics } from '../metrics.js';
import type { RedisLink } from '../redis.js';
import { Refusal } from '../problem.js';
import type { WallClock } from '../wall-clock.js';

const attemptsMax = 8;
const firstRetryMs = 500;
const batchMax = 500;
/** A row that has been with BullMQ for longer than this is looked for there: Redis may have lost it. */
const searchedAfterMs = 3_000;

/*
 * Design: a row in `job` is the job. The relay copies requested rows into BullMQ under the row's id, so that copying
 * twice adds one job; the worker writes the end back into the row. A row that should be in BullMQ and is not there
 * (Redis was emptied, or lost its last second) becomes requested again.
 * Invariant: a row leaves requested/queued/running only when its handler returned (done) or gave up (failed).
 */
export class JobQueues {
  private readonly logger = new Logger(JobQueues.name);
  private readonly queues = new Map<string, Queue>();
  private workers: Worker[] = [];

  constructor(
    private readonly database: Database,
    private readonly redis: RedisLink,
    private readonly clock: WallClock,
    private readonly metrics: Metrics,
  ) {}

  startWorkers(jobs: Jobs): void {
    this.workers = jobs.handlers.map((handling) => {
      const worker = new Worker(handling.name, (job) => this.work(handling, job), {
        connection: this.redis.open(),
        prefix: this.redis.name('jobs'),
        concurrency: handling.concurrency,
        // Small enough that the jobs of a killed process are soon taken over.
        lockDuration: 15_000,
        stalledInterval: 5_000,
        maxStalledCount: attemptsMax,
        drainDelay: 2,
      });
      worker.on('error', (error) => this.logger.debug(`Worker ${handling.name}: ${error.message}`));
      worker.on('failed', (job, error) => void this.noteFailure(handling.name, job, error));
      return worker;
    });
  }

  /** Lets the jobs under way end, then closes. What waits stays in Redis and in its row. */
  async stop(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.close()));
    await Promise.all([...this.queues.values()].map((queue) => queue.close()));
  }

  /** Copies requested rows into BullMQ. @returns Whether more may wait. */
  async enqueueRequested(): Promise<boolean> {
    const rows = await this.database.prisma.job.findMany({
      where: { status: 'requested' },
      orderBy: { id: 'asc' },
      take: batchMax,
    });
    const nowMs = this.clock.now().getTime();
    for (const [name, group] of byName(rows)) {
      await this.queue(name).addBulk(
        group.map((row) => ({
          name,
          data: row.payload,
          opts: {
            jobId: row.id,
            delay: Math.max(0, row.runAt.getTime() - nowMs),
            attempts: attemptsMax,
            backoff: { type: 'exponential', delay: firstRetryMs },
            removeOnComplete: true,
            removeOnFail: true,
          },
        })),
      );
      // A worker may have begun meanwhile, and then the row says running already.
      await this.database.prisma.job.updateMany({
        where: { id: { in: group.map(({ id }) => id) }, status: 'requested' },
        data: { status: 'queued', queuedAt: new Date(nowMs) },
      });
    }
    return rows.length === batchMax;
  }

  /** Finds rows whose job Redis no longer has and makes them requested again. @returns How many. */
  async recoverLost(): Promise<number> {
    const before = new Date(this.clock.now().getTime() - searchedAfterMs);
    const rows = await this.database.prisma.job.findMany({
      where: {
        status: { in: ['queued', 'running'] },
        OR: [{ queuedAt: null }, { queuedAt: { lt: before } }],
      },
      select: { id: true, name: true, status: true },
      take: 5_000,
    });
    if (rows.length === 0) return 0;
    const present = this.redis.client.pipeline();
    for (const row of rows) present.exists(this.queue(row.name).toKey(row.id));
    const replies = (await present.exec()) ?? [];
    const lost = rows.filter((_, index) => replies[index]?.[0] === null && replies[index]?.[1] === 0);
    let recovered = 0;
    for (const { id, status } of lost) {
      // By id and status, since a worker may end it right now.
      const { count } = await this.database.prisma.job.updateMany({
        where: { id, status },
        data: { status: 'requested' },
      });
      recovered += count;
    }
    return recovered;
  }

  private queue(name: string): Queue {
    const known = this.queues.get(name);
    if (known) return known;
    const queue = new Queue(name, { connection: this.redis.client, prefix: this.redis.name('jobs') });
    queue.on('error', (error) => this.logger.debug(`Queue ${name}: ${error.message}`));
    this.queues.set(name, queue);
    return queue;
  }

  private async work(handling: Handling, job: QueuedJob): Promise<void> {
    const id = job.id ?? '';
    const jobs = this.database.prisma.job;
    const attempt = job.attemptsMade + 1;
    const { count } = await jobs.updateMany({
      where: { id, status: { in: ['requested', 'queued', 'running'] } },
      data: { status: 'running', attempts: { increment: 1 }, queuedAt: this.clock.now() },
    });
    // Its row is done: BullMQ brought a job again whose end it had not noted.
    if (count === 0) return;
    await handling.handler(job.data as never, { jobId: id, attempt, last: attempt >= attemptsMax });
    await jobs.updateMany({
      where: { id },
      data: { status: 'done', finishedAt: this.clock.now(), error: null },
    });
    this.metrics.jobRuns.inc({ job: handling.name, outcome: 'done' });
  }

  private async noteFailure(name: JobName, job: QueuedJob | undefined, error: Error): Promise<void> {
    const final = !job || job.attemptsMade >= (job.opts.attempts ?? 1);
    this.metrics.jobRuns.inc({ job: name, outcome: final ? 'failed' : 'retried' });
    const what =
      error instanceof Refusal ? `${error.code}: ${error.message}` : (error.stack ?? error.message);
    this.logger.error(`Job ${name} ${job?.id} failed (attempt ${job?.attemptsMade}): ${what}`);
    if (!job?.id) return;
    const ending = final ? { status: 'failed', finishedAt: this.clock.now() } : {};
    await this.database.prisma.job
      .updateMany({ where: { id: job.id }, data: { error: error.message.slice(0, 2_000), ...ending } })
      .catch((reason: Error) =>
        this.logger.error(`Job ${job.id}: its failure could not be noted: ${reason.message}`),
      );
  }
}

function byName<T extends { name: string }>(rows: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) groups.set(row.name, [...(groups.get(row.name) ?? []), row]);
  return groups;
}
