import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { createTestDatabase } from '../../../../test/support/database.js';
import {
  hexArray,
  nullableNumberArray,
  numberArray,
  readNumbers,
  textArray,
  vectorArray,
} from './array-text.js';

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let client: pg.Client;
beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

async function back(type: string, literal: string): Promise<unknown> {
  return (await client.query(`SELECT $1::${type} AS list`, [literal])).rows[0].list;
}

describe('array literals', () => {
  test('any text comes back from PostgreSQL as it went in', async () => {
    const texts = [
      '',
      ' ',
      'NULL',
      'null',
      'a,b',
      '{}',
      '}',
      '"',
      '\\',
      '\\"',
      "'",
      '"}\',(',
      'ä€😀',
      'a\nb\tc',
      '\\x41',
    ];
    expect(await back('text[]', textArray(texts))).toEqual(texts);
    expect(await back('text[]', textArray([]))).toEqual([]);
  });

  test('bytes and numbers come back as they went in', async () => {
    expect(await back('bytea[]', hexArray(['', '00ff', '5c78']))).toEqual(
      ['', '00ff', '5c78'].map((hex) => Buffer.from(hex, 'hex')),
    );
    expect(await back('bigint[]', nullableNumberArray(['1', '9223372036854775807', null]))).toEqual([
      '1',
      '9223372036854775807',
      null,
    ]);
    const counters = [0n, 7n, 10n ** 39n - 1n];
    const text = (
      await client.query('SELECT ($1::numeric[])::text AS list', [numberArray(counters.map(String))])
    ).rows[0].list;
    expect(readNumbers(text)).toEqual(counters);
    expect(readNumbers('{}')).toEqual([]);
    expect(await back('text[]', vectorArray([['1', '22'], []]))).toEqual(['{1,22}', '{}']);
    expect(await back('bigint[]', numberArray([1, '2']))).toEqual(['1', '2']);
  });
});
