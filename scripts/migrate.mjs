// Applies the SQL migrations.
//
// Design: every folder of prisma/migrations, in the order of its name, is one script and one transaction. What was
// applied is kept in `_prisma_migrations` with the checksums Prisma itself writes, so its CLI and this runner accept each
// other's state. An advisory lock (the number Prisma uses) lets one runner work while others wait, then find nothing to do.
//
// Invariants: an applied migration never changes; a database is never older or newer than it looks; a script that
// fails leaves nothing behind.
import './node-version.mjs';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { isEntry, main, Refusal, root } from './checkout.mjs';

const advisoryLock = 72707369;

const createTable = `
  CREATE TABLE IF NOT EXISTS _prisma_migrations (
    id VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum VARCHAR(64) NOT NULL,
    finished_at TIMESTAMPTZ,
    migration_name VARCHAR(255) NOT NULL,
    logs TEXT,
    rolled_back_at TIMESTAMPTZ,
    started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count INTEGER NOT NULL DEFAULT 0
  )`;

/**
 * Brings a database up to this checkout.
 * @param {{ databaseUrl: string, folder?: string }} options `folder` holds `<name>/migration.sql` files.
 * @returns {Promise<{ applied: string[], total: number }>} The names applied now and the number that stand.
 * @throws {Refusal} when an applied migration changed, is unknown here, was left half done, or a script fails.
 */
export async function migrate({ databaseUrl, folder = path.join(root, 'prisma', 'migrations') }) {
  const migrations = readMigrations(folder);
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on('notice', () => {});
  await client.connect().catch((error) => {
    throw new Refusal(unreachable(databaseUrl, error));
  });
  try {
    // Held by the session: it is released when the connection ends, whatever happens in between.
    await client.query('SELECT pg_advisory_lock($1)', [advisoryLock]);
    await client.query(createTable);
    const pending = pendingMigrations(migrations, await readApplied(client));
    for (const migration of pending) await apply(client, migration);
    return { applied: pending.map(({ name }) => name), total: migrations.length };
  } finally {
    await client.end();
  }
}

/** One line about a database that does not answer. The password is left out. */
export function unreachable(databaseUrl, error) {
  const reason = error.message || error.code || String(error);
  let place = 'DATABASE_URL';
  try {
    const url = new URL(databaseUrl);
    place = `${url.hostname}:${url.port || 5432}${url.pathname}`;
  } catch {
    return `DATABASE_URL is not a URL; it should look like postgresql://user:password@host:5432/database.`;
  }
  return `PostgreSQL at ${place} cannot be used (${reason}). Start it or correct DATABASE_URL, or unset it to use the embedded one.`;
}

function readMigrations(folder) {
  if (!fs.existsSync(folder)) return [];
  const names = fs.readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return names
    .map(({ name }) => name)
    .sort()
    .map((name) => {
      const file = path.join(folder, name, 'migration.sql');
      if (!fs.existsSync(file)) throw new Refusal(`Migration ${name} has no migration.sql.`);
      const script = fs.readFileSync(file, 'utf8');
      return { name, script, checksum: crypto.createHash('sha256').update(script).digest('hex') };
    });
}

async function readApplied(client) {
  const { rows } = await client.query(
    `SELECT migration_name AS name, checksum, finished_at IS NOT NULL AS finished
       FROM _prisma_migrations WHERE rolled_back_at IS NULL`,
  );
  return new Map(rows.map((row) => [row.name, row]));
}

function pendingMigrations(migrations, applied) {
  const known = new Set(migrations.map(({ name }) => name));
  for (const { name, finished } of applied.values()) {
    if (!known.has(name))
      throw new Refusal(
        `The database has migration ${name}, which this checkout does not know: it was used by a newer version.`,
      );
    if (!finished)
      throw new Refusal(
        `Migration ${name} was left half done by another tool: resolve it with \`npx prisma migrate resolve\`.`,
      );
  }
  return migrations.filter((migration) => {
    const before = applied.get(migration.name);
    if (before && before.checksum !== migration.checksum) {
      throw new Refusal(
        `Migration ${migration.name} changed after it was applied: put it back as it was and write a new migration.`,
      );
    }
    return before === undefined;
  });
}

async function apply(client, { name, script, checksum }) {
  await client.query('BEGIN');
  try {
    await client.query(script);
    await client.query(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, now(), clock_timestamp(), 1)`,
      [crypto.randomUUID(), checksum, name],
    );
    await client.query('COMMIT');
    // A script may set a search path or a role for itself; the next one starts clean.
    await client.query('RESET ALL');
    await client.query('RESET ROLE');
  } catch (error) {
    await client.query('ROLLBACK');
    const line = error.position ? `, line ${script.slice(0, Number(error.position)).split('\n').length}` : '';
    throw new Refusal(`Migration ${name} failed${line}: ${error.message}. Nothing of it was kept.`);
  }
}

if (isEntry(import.meta.url)) {
  await main(async () => {
    const databaseUrl = process.env.DATABASE_URL;
    if (!databaseUrl) throw new Refusal('Set DATABASE_URL to the database to migrate.');
    const { applied, total } = await migrate({ databaseUrl });
    console.log(
      applied.length ? `applied ${applied.join(', ')} (${total} in all)` : `nothing to do (${total} applied)`,
    );
  });
}
