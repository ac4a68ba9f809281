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
/** PostgreSQL: serialization_failure and deadlock_detected. Both ask the client to run the whole transaction again. */
const tryAgainCodes = new Set(['40001', '40P01', 'P2034']);

/**
 * One transaction: all of the work or nothing. Work that loses against another transaction runs again from its
 * beginning, so it must have no effect outside of `tx`.
 */
@Injectable()
export class UnitOfWork {
  constructor(private readonly database: Database) {}

  async run<T>(work: (tx: Tx) => Promise<T>, options: UnitOptions = {}): Promise<T> {
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
