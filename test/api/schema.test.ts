import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { createTestDatabase } from '../support/database.js';

let database: { url: string; drop: () => Promise<void> };
let client: pg.Client;
beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});
afterAll(async () => {
  await client?.end();
  await database?.drop();
});

interface Column {
  type: string;
  isNullable: boolean;
  hasDefault: boolean;
}

interface Model {
  table: string;
  columns: Record<string, Column>;
  primaryKey: string[];
  uniques: string[][];
}

/** Tables that only SQL reads: readings are too many for Prisma. */
const sqlOnly = ['_prisma_migrations', 'cut', 'incarnation', 'reading', 'reading_batch'];

const scalarTypes: Record<string, string> = {
  String: 'text',
  Int: 'integer',
  BigInt: 'bigint',
  Boolean: 'boolean',
  Json: 'jsonb',
  Bytes: 'bytea',
};

/** The type that PostgreSQL is to have for a field; null for a relation. */
function typeOf(type: string, attributes: string): string | null {
  const unsupported = /^Unsupported\("(.+)"\)$/.exec(type);
  if (unsupported) return unsupported[1]!;
  const native = /@db\.(\w+)(?:\(([\d, ]+)\))?/.exec(attributes);
  if (type === 'DateTime')
    return native?.[2] ? `timestamp(${native[2]}) with time zone` : 'timestamp with time zone';
  if (type === 'Decimal') return native ? `numeric(${native[2]!.replace(' ', '')})` : 'numeric(38,0)';
  if (native?.[1] === 'Char') return `character(${native[2]})`;
  return scalarTypes[type] ?? null;
}

function readModels(): Model[] {
  const folder = path.join(import.meta.dirname, '../../prisma/models');
  const text = fs
    .readdirSync(folder)
    .map((name) => fs.readFileSync(path.join(folder, name), 'utf8'))
    .join('\n');
  return [...text.matchAll(/^model (\w+) \{\n([\s\S]*?)^\}/gm)].map(([, name, body = '']) => {
    const model: Model = { table: name!, columns: {}, primaryKey: [], uniques: [] };
    const columnOf = new Map<string, string>();
    const namesIn = (list: string) => list.split(',').map((each) => columnOf.get(each.trim())!);
    for (const line of body.split('\n').map((each) => each.trim())) {
      const block = /^@@(map|id|unique)\(\[?"?([^\])"]+)/.exec(line);
      if (block?.[1] === 'map') model.table = block[2]!;
      if (block?.[1] === 'id') model.primaryKey = namesIn(block[2]!);
      if (block?.[1] === 'unique') model.uniques.push(namesIn(block[2]!));
      const field = /^(\w+)\s+(Unsupported\("[^"]+"\)|\w+)(\?|\[\])?\s*(.*)$/.exec(line);
      if (!field || line.startsWith('//')) continue;
      const [, fieldName = '', fieldType = '', suffix, attributes = ''] = field;
      const type = typeOf(fieldType, attributes);
      if (type === null) continue;
      const column = /@map\("(\w+)"\)/.exec(attributes)?.[1] ?? fieldName;
      columnOf.set(fieldName, column);
      model.columns[column] = {
        type: suffix === '[]' ? `${type}[]` : type,
        isNullable: suffix === '?',
        hasDefault: attributes.includes('@default'),
      };
      if (/@id\b/.test(attributes)) model.primaryKey = [column];
      if (/@unique\b/.test(attributes)) model.uniques.push([column]);
    }
    return model;
  });
}

async function readCatalogue(): Promise<Map<string, Model>> {
  const columns = await client.query(
    `SELECT c.relname AS table, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS nullable,
            a.atthasdef OR a.attidentity <> '' AS defaulted
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
      WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
      ORDER BY 1, a.attnum`,
  );
  const keys = await client.query(
    `SELECT c.relname AS table, i.indisprimary AS is_primary,
            array_agg(a.attname::text ORDER BY array_position(i.indkey::int2[], a.attnum)) AS columns
       FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
       JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
      WHERE n.nspname = 'public' AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL
      GROUP BY i.indexrelid, c.relname, i.indisprimary`,
  );
  const tables = new Map<string, Model>();
  for (const row of columns.rows) {
    const empty: Model = { table: row.table, columns: {}, primaryKey: [], uniques: [] };
    const table = tables.get(row.table) ?? empty;
    tables.set(row.table, table);
    table.columns[row.name] = { type: row.type, isNullable: row.nullable, hasDefault: row.defaulted };
  }
  for (const row of keys.rows) {
    const table = tables.get(row.table);
    if (row.is_primary && table) table.primaryKey = row.columns;
    else table?.uniques.push(row.columns);
  }
  return tables;
}

describe('the models of Prisma and the migrated database', () => {
  test('have the same tables', async () => {
    const modelled = readModels().map((model) => model.table);
    expect(modelled.length).toBeGreaterThan(25);
    expect([...modelled, ...sqlOnly].sort()).toEqual([...(await readCatalogue()).keys()].sort());
  });

  test.each(readModels().map((model) => [model.table, model] as const))(
    '%s has the same columns, types, nullability, defaults and keys',
    async (table, model) => {
      const live = (await readCatalogue()).get(table)!;
      expect(live.columns).toEqual(model.columns);
      expect(live.primaryKey).toEqual(model.primaryKey);
      for (const unique of model.uniques) expect(live.uniques).toContainEqual(unique);
    },
  );
});

/** Runs statements in one transaction that is rolled back; answers the error of the last, or of the commit's checks. */
async function refusalOf(...statements: string[]): Promise<{ code: string; message: string } | null> {
  await client.query('BEGIN');
  try {
    for (const statement of statements.slice(0, -1)) await client.query(statement);
    await client.query(statements.at(-1)!);
    await client.query('SET CONSTRAINTS ALL IMMEDIATE');
    return null;
  } catch (error) {
    const { code, message } = error as pg.DatabaseError;
    return { code: code ?? '', message };
  } finally {
    await client.query('ROLLBACK');
  }
}

const restrict = '23001';
const check = '23514';
const exclusion = '23P01';
const tenant = `INSERT INTO tenant (id, name, currency, time_zone) VALUES ('ten_1', 'T', 'EUR', 'UTC')`;
const host = `INSERT INTO host (id, name, location, pcpus, frames_total, frames_sellable) VALUES ('hst_1', 'h', 'here', 4, 100, 80)`;
const life = (id: string, opened: number, closed: number | null, resource = 'dom_1') =>
  `INSERT INTO incarnation (id, host_id, epoch, resource_kind, resource_id, tenant_id, vector, opened_utc_ns, closed_utc_ns,
     closed_how, head_seq, head_utc_ns, head_host_ns, head_state, head_values, head_hash, cut_utc_ns)
   VALUES ('${id}', 'hst_1', 1, 'domain', '${resource}', 'ten_1', 1, ${opened}, ${closed ?? 'NULL'},
     ${closed === null ? 'NULL' : `'close'`}, 0, ${opened}, 0, 'running', '{0}', '\\x00', ${opened})`;
const cut = `INSERT INTO cut VALUES ('i1', 0, 10, 0, 'open', 'running', 'start', '{0}', '\\x00')`;
const lived = [tenant, host, life('i1', 10, null), cut];
const plan = `INSERT INTO plan (id, name, description, position) VALUES ('pln_1', 'P', '', 1)`;
const version = (id: string, number: number, valid: string) =>
  `INSERT INTO plan_version (id, plan_id, version, currency, content, valid, known)
   VALUES ('${id}', 'pln_1', ${number}, 'EUR', '{}', '${valid}', '[2026-01-01,)')`;
const invoice = [
  tenant,
  `INSERT INTO issuer (id, name, prefix) VALUES ('iss', 'I', 'I-')`,
  `INSERT INTO invoice VALUES ('inv_1', 'ten_1', 'iss', 'I-1', 0, 1, 'EUR', 1, 0, 1, '{}', '\\x00', now())`,
  `INSERT INTO invoice_line VALUES ('inl_1', 'inv_1', 0)`,
];
const account = (id: string, currency: string) =>
  `INSERT INTO ledger_account VALUES ('${id}', NULL, '${id}', '${currency}')`;
const transaction = `INSERT INTO ledger_transaction (id, cause, body_hash, description) VALUES ('ltx_1', 'c', '\\x00', '')`;
const entry = (id: string, to: string, amount: string) =>
  `INSERT INTO ledger_entry VALUES ('${id}', 'ltx_1', '${to}', ${amount})`;
const posted = [
  account('cash', 'EUR'),
  account('revenue', 'EUR'),
  transaction,
  entry('len_1', 'cash', '5'),
  entry('len_2', 'revenue', '-5'),
];

describe('PostgreSQL itself refuses', () => {
  test.each([
    ['to change a cut', lived, `UPDATE cut SET utc_ns = 11`],
    ['to remove a cut', lived, `DELETE FROM cut`],
    ['to change an issued invoice', invoice, `UPDATE invoice SET total_minor = 0`],
    ['to remove an issued invoice', invoice.slice(0, 3), `DELETE FROM invoice`],
    ['to change a line of an invoice', invoice, `UPDATE invoice_line SET position = 7`],
    [
      'to change an entry of the ledger',
      posted,
      `UPDATE ledger_entry SET amount_pico = 6 WHERE id = 'len_1'`,
    ],
    ['to remove an entry of the ledger', posted, `DELETE FROM ledger_entry`],
    ['to change a transaction of the ledger', posted, `UPDATE ledger_transaction SET cause = 'other'`],
    [
      'to reprice a published plan',
      [plan, version('plv_1', 1, '[2026-01-01,)')],
      `UPDATE plan_version SET content = '{"a":1}'`,
    ],
    [
      'to move the start of a published plan',
      [plan, version('plv_1', 1, '[2026-01-01,)')],
      `UPDATE plan_version SET valid = '[2025-01-01,)'`,
    ],
    ['to remove a published plan', [plan, version('plv_1', 1, '[2026-01-01,)')], `DELETE FROM plan_version`],
    [
      'to move a test clock back',
      [tenant, `INSERT INTO tenant_clock VALUES ('ten_1', 1, '', 0, 5)`],
      `UPDATE tenant_clock SET offset_ns = 0`,
    ],
  ])('%s', async (_what, before, statement) => {
    expect(await refusalOf(...before, 'SELECT 1')).toBeNull();
    expect(await refusalOf(...before, statement)).toMatchObject({ code: restrict });
  });

  test('to change the audit trail', async () => {
    const row = `INSERT INTO audit_entry (id, action, subject_type, subject_id, actor_kind, request_id, ip) VALUES ('a', 'b', 'c', 'd', 'e', 'f', 'g')`;
    expect(await refusalOf(row, `UPDATE audit_entry SET ip = ''`)).toMatchObject({ code: '23000' });
    expect(await refusalOf(row, `DELETE FROM audit_entry`)).toMatchObject({ code: '23000' });
  });

  test('a ledger transaction that does not add up to nothing in each currency, at the latest at its commit', async () => {
    const [cash, revenue, head, debit] = posted as [string, string, string, string];
    expect(await refusalOf(cash, head, debit)).toMatchObject({
      code: check,
      message: expect.stringContaining('off by 5'),
    });
    expect(await refusalOf(cash, revenue, head, debit, entry('len_2', 'revenue', '-4'))).toMatchObject({
      code: check,
    });
    const dollars = account('dollars', 'USD');
    expect(await refusalOf(cash, dollars, head, debit, entry('len_2', 'dollars', '-5'))).toMatchObject({
      code: check,
    });
    expect(await refusalOf(cash, head, entry('len_1', 'cash', '0'))).toMatchObject({ code: check });
  });

  test('two lives of a resource at one time; lives that touch are two lives', async () => {
    const start = [tenant, host, life('i1', 10, 20)];
    expect(await refusalOf(...start, life('i2', 20, null))).toBeNull();
    expect(await refusalOf(...start, life('i2', 19, null))).toMatchObject({ code: exclusion });
    expect(await refusalOf(...start, life('i2', 5, 11))).toMatchObject({ code: exclusion });
    expect(await refusalOf(tenant, host, life('i1', 10, null), life('i2', 99, null))).toMatchObject({
      code: exclusion,
    });
    expect(await refusalOf(tenant, host, life('i1', 10, null), life('i2', 99, null, 'dom_2'))).toBeNull();
  });

  test('two versions of a plan at one time, and a resource under two plans; ending a version is allowed', async () => {
    const first = [plan, version('plv_1', 1, '[2026-01-01,)')];
    expect(await refusalOf(...first, version('plv_2', 2, '[2026-06-01,)'))).toMatchObject({
      code: exclusion,
    });
    const ended = `UPDATE plan_version SET valid = '[2026-01-01,2026-06-01)'`;
    expect(await refusalOf(...first, ended, version('plv_2', 2, '[2026-06-01,)'))).toBeNull();
    const assign = (from: number) =>
      `INSERT INTO plan_assignment VALUES ('dom_1', 'ten_1', 'plv_1', ${from}, NULL)`;
    expect(await refusalOf(tenant, ...first, assign(0), assign(5))).toMatchObject({ code: exclusion });
  });

  test('a host that has sold more frames than it may, a quota below nothing, a second invoice of a period', async () => {
    expect(await refusalOf(host, 'UPDATE host SET frames_claimed = 81')).toMatchObject({ code: check });
    const quota = `INSERT INTO quota (tenant_id, name, ceiling) VALUES ('ten_1', 'domains', 1)`;
    expect(await refusalOf(tenant, quota, 'UPDATE quota SET used = -1')).toMatchObject({ code: check });
    const again = `INSERT INTO invoice VALUES ('inv_2', 'ten_1', 'iss', 'I-2', 0, 1, 'EUR', 1, 0, 1, '{}', '\\x00', now())`;
    expect(await refusalOf(...invoice, again)).toMatchObject({ code: '23505' });
  });
});

// Commits, unlike the tests above, so it stands last.
describe('PostgreSQL keeps a ledger transaction closed', () => {
  test('once it has committed: not even a balanced pair of entries can be added', async () => {
    for (const statement of ['BEGIN', ...posted, 'COMMIT']) await client.query(statement);
    const pair = [entry('len_3', 'cash', '1'), entry('len_4', 'revenue', '-1')];
    expect(await refusalOf(...pair)).toMatchObject({
      code: restrict,
      message: expect.stringContaining('closed'),
    });
  });
});
