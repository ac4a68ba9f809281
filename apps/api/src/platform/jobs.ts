import { Injectable } from '@nestjs/common';
import type { Tx } from './database.js';
import { newId } from './ids.js';
import { jobNames, type JobMap, type JobName } from './job-map.js';
import { nudgeRelay } from './outbox.js';
import { WallClock } from './wall-clock.js';

export interface JobRun {
  jobId: string;
  /** 1 for the first. */
  attempt: number;
  /** After a failure of this attempt the job is kept as failed. */
  last: boolean;
}

export type JobHandler<N extends JobName> = (payload: JobMap[N], run: JobRun) => Promise<void>;

export interface Handling {
  name: JobName;
  handler: JobHandler<JobName>;
  concurrency: number;
}

export interface Ticker {
  name: string;
  everyMs: number;
  run: () => Promise<void>;
}

/**
 * Long work, asked for in the transaction of its cause. A row in PostgreSQL is the truth; BullMQ carries it to a
 * worker, at least once, so a handler must bear a repetition. When Redis is lost, the rows bring the jobs back.
 */
@Injectable()
export class Jobs {
  private readonly handlings = new Map<JobName, Handling>();
  private readonly tickerList: Ticker[] = [];

  constructor(private readonly clock: WallClock) {}

  /**
   * Asks for a job. With a `key`, a job of the same name and key that still waits takes this request in.
   * @returns The id of the new job, or null when a waiting one was found.
   */
  async request<N extends JobName>(
    tx: Tx,
    name: N,
    payload: JobMap[N],
    options: { key?: string; delayMs?: number } = {},
  ): Promise<string | null> {
    const id = newId('job');
    const runAt = new Date(this.clock.now().getTime() + (options.delayMs ?? 0));
    const { count } = await tx.job.createMany({
      data: [{ id, name, payload: payload as object, key: options.key ?? null, runAt }],
      skipDuplicates: true,
    });
    if (count === 0) return null;
    await nudgeRelay(tx);
    return id;
  }

  /** Register in onModuleInit. */
  handle<N extends JobName>(name: N, handler: JobHandler<N>, options: { concurrency?: number } = {}): void {
    if (this.handlings.has(name)) throw new Error(`Job "${name}" has two handlers.`);
    const concurrency = options.concurrency ?? 4;
    this.handlings.set(name, { name, handler: handler as unknown as JobHandler<JobName>, concurrency });
  }

  /**
   * Runs `run` every `everyMs` in one process of the installation: the one that leads. A run that takes longer than its
   * interval is not joined by a second one. When the leader dies, another takes over within about two seconds.
   */
  every(name: string, everyMs: number, run: () => Promise<void>): void {
    if (this.tickerList.some((ticker) => ticker.name === name))
      throw new Error(`Two tickers are named "${name}".`);
    this.tickerList.push({ name, everyMs, run });
  }

  get tickers(): readonly Ticker[] {
    return this.tickerList;
  }

  get handlers(): readonly Handling[] {
    return [...this.handlings.values()];
  }

  /** Errors: throws, naming the jobs of the map that nobody handles. */
  assertComplete(): void {
    const missing = jobNames.filter((name) => !this.handlings.has(name));
    if (missing.length > 0) throw new Error(`These jobs have no handler: ${missing.join(', ')}.`);
  }
}
