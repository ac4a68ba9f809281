import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { Config } from './config.js';
import { Prisma, PrismaClient } from './generated/client.js';

export { Prisma, PrismaClient };

/** A Prisma client inside an open transaction. */
export type Tx = Prisma.TransactionClient;

const connectionsMax = 20;

/**
 * The one way to PostgreSQL: Prisma for rows, the pool for what Prisma is too slow or too narrow for. Both share the
 * connections. Nothing connects before the first query.
 */
@Injectable()
export class Database implements OnApplicationShutdown {
  readonly pool: pg.Pool;
  readonly prisma: PrismaClient;

  constructor(config: Config) {
    this.pool = new pg.Pool({
      connectionString: config.databaseUrl,
      max: connectionsMax,
      connectionTimeoutMillis: 10_000,
      application_name: 'xenorack',
    });
    // An idle connection that the server closes is not an accident: the pool opens another when one is needed.
    this.pool.on('error', () => undefined);
    this.prisma = new PrismaClient({ adapter: new PrismaPg(this.pool, { disposeExternalPool: false }) });
  }

  /** Runs after HTTP and jobs have ended, so nobody is left who would ask. */
  async onApplicationShutdown(): Promise<void> {
    await this.prisma.$disconnect();
    await this.pool.end();
  }
}

/** JSON as Prisma wants it: a value of ours that is plain JSON. Null columns take `Prisma.DbNull`. */
export function jsonColumn(value: unknown): Prisma.InputJsonValue | typeof Prisma.DbNull {
  return value === null || value === undefined ? Prisma.DbNull : (value as Prisma.InputJsonValue);
}
