import { randomUUID } from 'node:crypto';
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fs from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { migrate } from '../../scripts/migrate.mjs';

describe('migrations', () => {
  let folder: string;
  let databaseUrl: string;

  beforeEach(async () => {
    folder = fs.mkdtempSync(path.join(process.env['TEST_RUN_FOLDER'] ?? '', 'migrations-'));
    const name = `empty_${randomUUID().replaceAll('-', '')}`;
    await query(process.env['TEST_DATABASE_ADMIN_URL'] ?? '', `CREATE DATABASE ${name}`);
    const url = new URL(process.env['TEST_DATABASE_ADMIN_URL'] ?? '');
    url.pathname = `/${name}`;
    databaseUrl = url.href;
  });
  afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

  async function query(connectionString: string, text: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  }

  function write(name: string, script: string): void {
    fs.mkdirSync(path.join(folder, name), { recursive: true });
    fs.writeFileSync(path.join(folder, name, 'migration.sql'), script);
  }

  const run = (): Promise<{ applied: string[]; total: number }> => migrate({ databaseUrl, folder });

  test('are applied once, in the order of their names, with the checksums Prisma writes', async () => {
    write('0002_fill', 'INSERT INTO t VALUES (1);');
    write('0001_make', 'CREATE TABLE t (x int);');
    expect(await run()).toEqual({ applied: ['0001_make', '0002_fill'], total: 2 });
    expect(await run()).toEqual({ applied: [], total: 2 });
    const rows = await query(databaseUrl, 'SELECT * FROM _prisma_migrations ORDER BY migration_name');
    const checksum = createHash('sha256').update('CREATE TABLE t (x int);').digest('hex');
    expect(rows[0]).toMatchObject({
      migration_name: '0001_make',
      checksum,
      applied_steps_count: 1,
      rolled_back_at: null,
    });
    expect(rows[0]?.['finished_at']).toBeInstanceOf(Date);
    expect(await query(databaseUrl, 'SELECT x FROM t')).toEqual([{ x: 1 }]);
  });

  test('run by eight at once are applied by one', async () => {
    write('0001_make', 'CREATE TABLE t (x int); SELECT pg_sleep(0.05);');
    const results = await Promise.all(Array.from({ length: 8 }, run));
    expect(results.map(({ applied }) => applied.length).sort()).toEqual([0, 0, 0, 0, 0, 0, 0, 1]);
  });

  test('that fail leave nothing behind, name themselves and the line, and keep those before', async () => {
    write('0001_make', 'CREATE TABLE t (x int);');
    write('0002_broken', 'CREATE TABLE half (x int);\nINSERT INTO t VALUES (1);\nSELECT nothing;');
    await expect(run()).rejects.toThrow(/^Migration 0002_broken failed, line 3: .*nothing/);
    expect(
      await query(databaseUrl, "SELECT to_regclass('half') AS half, (SELECT count(*)::int FROM t) AS rows"),
    ).toEqual([{ half: null, rows: 0 }]);
    write('0002_broken', 'CREATE TABLE half (x int);');
    expect((await run()).applied).toEqual(['0002_broken']);
  });

  test('that changed after they were applied are refused by name before anything is done', async () => {
    write('0001_make', 'CREATE TABLE t (x int);');
    await run();
    write('0001_make', 'CREATE TABLE t (y int);');
    write('0002_more', 'CREATE TABLE more (x int);');
    await expect(run()).rejects.toThrow(/^Migration 0001_make changed after it was applied/);
    expect(await query(databaseUrl, "SELECT to_regclass('more') AS more")).toEqual([{ more: null }]);
  });

  test('of a newer version in the database are refused by name', async () => {
    write('0001_make', 'CREATE TABLE t (x int);');
    write('0002_newer', 'CREATE TABLE newer (x int);');
    await run();
    fs.rmSync(path.join(folder, '0002_newer'), { recursive: true });
    await expect(run()).rejects.toThrow(
      /^The database has migration 0002_newer, which this checkout does not know/,
    );
  });

  test('on a database that does not answer say so in one line without the password', async () => {
    const refused = migrate({ databaseUrl: 'postgresql://me:hidden@127.0.0.1:1/x', folder });
    await expect(refused).rejects.toThrow(
      /^PostgreSQL at 127\.0\.0\.1:1\/x cannot be used \(.+\)\. Start it or correct DATABASE_URL/,
    );
    await expect(refused).rejects.not.toThrow(/hidden/);
  });
});
