import { describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { createTestDatabase, createTestRedisUrl } from './database.js';

async function tablesOf(connectionString: string): Promise<string[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'`,
    );
    return rows.map(({ name }) => name);
  } finally {
    await client.end();
  }
}

describe('the databases of tests', () => {
  test('each is migrated and no two share their tables', async () => {
    const [one, other] = await Promise.all([createTestDatabase(), createTestDatabase()]);
    const client = new pg.Client({ connectionString: one.url });
    await client.connect();
    await client.query('CREATE TABLE only_here (x int)');
    await client.end();
    expect(await tablesOf(one.url)).toEqual(expect.arrayContaining(['_prisma_migrations', 'only_here']));
    expect(await tablesOf(other.url)).not.toContain('only_here');
    await Promise.all([one.drop(), other.drop()]);
    await expect(tablesOf(one.url)).rejects.toThrow(/does not exist/);
  });

  test('no two ask for the same Redis database', async () => {
    const urls = await Promise.all(Array.from({ length: 20 }, createTestRedisUrl));
    expect(new Set(urls).size).toBe(20);
  });
});
