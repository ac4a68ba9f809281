import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import pg from 'pg';
import { outboxChannel } from '../outbox.js';

/*
 * Design: of all processes of role jobs one leads: the one whose own connection holds an advisory lock. PostgreSQL
 * frees the lock when that connection ends, so a dead leader needs no timeout to be noticed. The same connection
 * listens for the commits that wrote events or jobs.
 * Invariant: between `onGain` and `onLoss` this connection held the lock. A step that is under way when the connection
 * breaks may overlap the next leader's first, so each step locks what it changes as well.
 */

const leaderLock = 4_202_001;
const retryMs = 1_000;
const pollMs = 1_000;

export interface Leadership {
  /** Runs on every commit that nudges, and every second. Never joined by a second run. */
  step: () => Promise<void>;
  onGain: () => void;
  onLoss: () => void;
}

export class Leader {
  private readonly logger = new Logger(Leader.name);
  private client: pg.Client | undefined;
  private leads = false;
  private stopped = false;
  private wake: (() => void) | undefined;
  private nudged = false;
  private loop: Promise<void> | undefined;

  constructor(
    private readonly databaseUrl: string,
    private readonly leadership: Leadership,
  ) {}

  start(): void {
    this.loop = this.run();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.nudge();
    await this.loop;
  }

  private nudge(): void {
    this.nudged = true;
    this.wake?.();
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      try {
        if (await this.gain()) await this.lead();
        else await this.pause(retryMs);
      } catch (error) {
        if (!this.stopped) this.logger.warn(`The relay starts again: ${(error as Error).message}`);
        await this.lose();
        await this.pause(retryMs);
      }
    }
    await this.lose();
  }

  /** Whether the lock is ours. The connection stays open while another leads, to take over at once. */
  private async gain(): Promise<boolean> {
    this.client ??= await this.connect();
    const { rows } = await this.client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [
      leaderLock,
    ]);
    if (!rows[0]?.taken) return false;
    await this.client.query(`LISTEN ${outboxChannel}`);
    this.leads = true;
    this.leadership.onGain();
    return true;
  }

  private async connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.databaseUrl,
      application_name: 'xenorack-relay',
      keepAlive: true,
    });
    client.on('notification', () => this.nudge());
    client.on('error', () => {
      if (this.client === client) this.client = undefined;
      this.nudge();
    });
    await client.connect();
    return client;
  }

  private async lead(): Promise<void> {
    while (!this.stopped) {
      if (!this.client) throw new Error('the connection that holds the lock ended');
      this.nudged = false;
      await this.leadership.step();
      await this.pause(pollMs);
    }
  }

  private async lose(): Promise<void> {
    if (this.leads) this.leadership.onLoss();
    this.leads = false;
    const client = this.client;
    this.client = undefined;
    await client?.end().catch(() => undefined);
  }

  /** Waits for a nudge, at most `ms`. */
  private async pause(ms: number): Promise<void> {
    if (this.stopped || this.nudged) return;
    const timer = new AbortController();
    const nudge = new Promise<void>((resolve) => (this.wake = resolve));
    await Promise.race([nudge, delay(ms, undefined, { signal: timer.signal }).catch(() => undefined)]);
    timer.abort();
    this.wake = undefined;
  }
}
