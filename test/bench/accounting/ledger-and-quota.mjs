// What the ledger's own checks cost, and how long a claim on a quota takes.
import pg from 'pg';
import { claimQuota } from '../../../apps/api/dist/limits/claim-quota.js';
import { QuotaStore } from '../../../apps/api/dist/limits/quota.store.js';
import { Database } from '../../../apps/api/dist/platform/database.js';
import { newId } from '../../../apps/api/dist/platform/ids.js';
import { UnitOfWork } from '../../../apps/api/dist/platform/unit-of-work.js';
import { interleavedRatio, percentile } from '../measure.mjs';
import { createFleet } from '../load/fleet.mjs';

const connections = 4;
/** An issued invoice: the entries add up to nothing. */
const invoiceEntries = [1_210_000n, -1_000_003n, -210_000n, 3n];
const accounts = ['receivable', 'unbilled', 'tax', 'rounding'];

/** The same transactions into two databases; in one the trigger that adds up each transaction is off. */
export async function transfersRatio({ isSmall, createDatabase }) {
  const databases = [await createDatabase(), await createDatabase()];
  const [checked, unchecked] = await Promise.all(databases.map(({ url }) => openLedger(url)));
  try {
    await unchecked[0].query('ALTER TABLE ledger_entry DISABLE TRIGGER ledger_entry_balances');
    await expectRefused(checked[0]);
    const count = isSmall ? 20 : 2_000;
    await postMany(checked, count / 4);
    await postMany(unchecked, count / 4);
    const measured = await interleavedRatio({
      subject: () => postMany(checked, count),
      baseline: () => postMany(unchecked, count),
      rounds: isSmall ? 5 : 9,
    });
    return {
      name: 'accounting.transfers_ratio',
      value: measured.ratio,
      unit: 'ratio',
      baseline: 'the same rows without the balance trigger',
      goal: 0.7,
      better: 'higher',
      detail: {
        transactions_per_s: Math.round(measured.subject),
        unchecked_per_s: Math.round(measured.baseline),
        connections,
        ratios: measured.ratios,
      },
    };
  } finally {
    for (const client of [...checked, ...unchecked]) await client.end();
    for (const database of databases) await database.drop();
  }
}

async function openLedger(connectionString) {
  const clients = await Promise.all(
    Array.from({ length: connections }, async () => {
      const client = new pg.Client({ connectionString });
      await client.connect();
      return client;
    }),
  );
  await clients[0].query(
    `INSERT INTO ledger_account (id, kind, currency) SELECT kind, kind, 'EUR' FROM unnest($1::text[]) AS a (kind)`,
    [accounts],
  );
  return clients;
}

/** Transactions per second over all connections. */
async function postMany(clients, count) {
  const startedMs = performance.now();
  const each = Math.ceil(count / clients.length);
  await Promise.all(
    clients.map(async (client) => {
      for (let at = 0; at < each; at += 1) await post(client, invoiceEntries);
    }),
  );
  return (each * clients.length * 1_000) / (performance.now() - startedMs);
}

async function post(client, amounts) {
  const id = newId('ltx');
  await client.query('BEGIN');
  await client.query(
    `INSERT INTO ledger_transaction (id, cause, body_hash, description) VALUES ($1, $1, '\\x00', 'bench')`,
    [id],
  );
  await client.query(
    `INSERT INTO ledger_entry (id, transaction_id, account_id, amount_pico)
     SELECT id, $1, account, amount FROM unnest($2::text[], $3::text[], $4::numeric[]) AS e (id, account, amount)`,
    [id, amounts.map(() => newId('len')), accounts, amounts.map(String)],
  );
  await client.query('COMMIT');
}

/** A trigger that does not refuse would be cheap, and worthless. */
async function expectRefused(client) {
  const refused = await post(client, [1n, 1n, 1n, 1n]).then(
    () => false,
    () => true,
  );
  await client.query('ROLLBACK');
  if (!refused) throw new Error('the ledger took a transaction that does not balance');
}

/** A claim of one domain's quotas, committed; over all tenants in turn, then all on one. */
export async function quotaLatency({ isSmall, createDatabase }) {
  const own = await createDatabase();
  const database = new Database({ databaseUrl: own.url });
  try {
    const { tenants } = await createFleet(own.url, {
      tenants: isSmall ? 5 : 1_000,
      domainsPerTenant: 1,
      hosts: 1,
    });
    await database.pool.query(
      `INSERT INTO quota (tenant_id, name, ceiling)
       SELECT t.id, q.name, 1000000000 FROM tenant t, unnest('{domains,vcpus,memory_mib,disk_mib}'::text[]) AS q (name)`,
    );
    const count = isSmall ? 40 : 4_000;
    const claim = claimer(database);
    await timeClaims(claim, count / 4, (at) => tenants[at % tenants.length].id);
    const uniform = await timeClaims(claim, count, (at) => tenants[at % tenants.length].id);
    const hot = await timeClaims(claim, count / 4, () => tenants[0].id);
    return {
      name: 'accounting.quota_p99_ms',
      value: percentile(uniform, 99),
      unit: 'ms',
      goal: 5,
      better: 'lower',
      detail: {
        tenants: tenants.length,
        at_once: connections,
        p50_ms: percentile(uniform, 50),
        one_hot_tenant_p50_ms: percentile(hot, 50),
        one_hot_tenant_p99_ms: percentile(hot, 99),
      },
    };
  } finally {
    await database.onApplicationShutdown();
    await own.drop();
  }
}

function claimer(database) {
  const store = new QuotaStore(database);
  const unitOfWork = new UnitOfWork(database);
  const amounts = { domains: 1n, vcpus: 1n, memory_mib: 64n, disk_mib: 256n };
  return (tenantId) => unitOfWork.run((tx) => claimQuota(store, tx, tenantId, newId('dom'), amounts));
}

async function timeClaims(claim, count, tenantOf) {
  const ms = [];
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const tenantId = tenantOf(next);
      next += 1;
      const startedMs = performance.now();
      await claim(tenantId);
      ms.push(performance.now() - startedMs);
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  return ms;
}
