import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Database, Prisma, type Tx } from './database.js';

export type { Tx } from './database.js';

export interface UnitOptions {
  /** Read committed unless a rule needs the whole database to stand still for it. */
  isolation?: 'ReadCommitted' | 'RepeatableRead' | 'Serializable';
  /** How long the work may take before it is rolled back. */
  timeoutMs?: number;
}

const attemptsMax = 5;
/**
 * Transactions under way at a time in one process: fewer than the connections of the pool. Work may read beside its
 * transaction; were every connection in a transaction that waits for a row, the one that holds the row could not.
 */
const transactionsMax = 12;
/** PostgreSQL: serialization_failure and deadlock_detected. Both ask the client to run the whole transaction again. */
const tryAgainCodes = new Set(['40001', '40P01', 'P2034']);

/**
 * One transaction: all of the work or nothing. Work that loses against another transaction runs again from its
 * beginning, so it must have no effect outside of `tx`.
 */
@Injectable()
export class UnitOfWork {
  private underWay = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly database: Database) {}

  /** Work must not run another unit inside of it: it would wait for a place that it holds itself. */
  async run<T>(work: (tx: Tx) => Promise<T>, options: UnitOptions = {}): Promise<T> {
    if (this.underWay < transactionsMax) this.underWay += 1;
    else await new Promise<void>((enter) => this.waiting.push(enter));
    try {
      return await this.attempt(work, options);
    } finally {
      // Whoever waited longest takes over the place; nobody slips in between.
      const next = this.waiting.shift();
      if (next) next();
      else this.underWay -= 1;
    }
  }

  private async attempt<T>(work: (tx: Tx) => Promise<T>, options: UnitOptions): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.database.prisma.$transaction(work, {
          isolationLevel: Prisma.TransactionIsolationLevel[options.isolation ?? 'ReadCommitted'],
          maxWait: 10_000,
          timeout: options.timeoutMs ?? 15_000,
        });
      } catch (error) {
        if (attempt >= attemptsMax || !asksToTryAgain(error)) throw error;
        await delay(Math.random() * 20 * 2 ** attempt);
      }
    }
  }
}

/** Whether PostgreSQL, through whichever wrapping Prisma gave it, asks to run the transaction again. */
export function asksToTryAgain(error: unknown): boolean {
  return codesOf(error).some((code) => tryAgainCodes.has(code));
}

/** Whether a unique constraint refused the row. */
export function isDuplicate(error: unknown): boolean {
  return codesOf(error).some((code) => code === '23505' || code === 'P2002');
}

/** Every code found along the causes of an error: Prisma hides the server's own one to three levels down. */
function codesOf(error: unknown): string[] {
  const codes: string[] = [];
  let level: unknown = error;
  for (let depth = 0; depth < 6 && typeof level === 'object' && level !== null; depth++) {
    const { code, originalCode, cause, meta } = level as Record<string, unknown>;
    for (const found of [code, originalCode]) if (typeof found === 'string') codes.push(found);
    level = cause ?? (meta as { driverAdapterError?: unknown } | undefined)?.driverAdapterError;
  }
  return codes;
}
