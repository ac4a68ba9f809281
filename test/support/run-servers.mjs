// The PostgreSQL and Redis of one run of tests or benches, and the databases they are divided into.
//
// One process starts them and puts their addresses into the environment; the processes it starts then make databases.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { root } from '../../scripts/checkout.mjs';
import { freePort } from '../../scripts/embedded/port.mjs';
import { startPostgres } from '../../scripts/embedded/postgres.mjs';
import { end, identify, runs } from '../../scripts/embedded/process.mjs';
import { startRedis } from '../../scripts/embedded/redis.mjs';
import { migrate } from '../../scripts/migrate.mjs';

const runsFolder = path.join(root, '.xenorack', 'test');
const redisDatabases = 4096;
const template = 'xenorack_template';
// What a crash of the machine would lose is of no use to a test run.
const quickSettings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };

/**
 * Starts both servers and prepares the migrated template. Sets TEST_DATABASE_ADMIN_URL, TEST_DATABASE_TEMPLATE,
 * TEST_REDIS_URL and TEST_RUN_FOLDER.
 * @param {{ isDurable?: boolean }} [options] Durable servers write to disk as in production.
 * @returns {Promise<() => Promise<void>>} Stops them and removes their files.
 */
export async function startRunServers({ isDurable = false } = {}) {
  await sweepDeadRuns();
  const folder = path.join(runsFolder, String(process.pid));
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'owner.json'), JSON.stringify(identify(process.pid)));
  const stops = [() => fs.rmSync(folder, { recursive: true, force: true })];
  const stop = async () => {
    for (const undo of stops.splice(0).reverse()) await undo();
  };
  try {
    await start({ folder, stops, isDurable });
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}

async function start({ folder, stops, isDurable }) {
  const settings = { max_connections: '400', ...(isDurable ? {} : quickSettings) };
  const postgres = await startPostgres({
    folder: path.join(folder, 'postgres'),
    port: await freePort(),
    settings,
  });
  stops.push(() => fs.rmSync(postgres.cluster, { recursive: true, force: true }));
  stops.push(() => postgres.stop());
  const redis = await startRedis({
    folder: path.join(folder, 'redis'),
    port: await freePort(),
    isDurable,
    databases: redisDatabases,
  });
  stops.push(() => redis.stop());

  await postgres.ensureDatabase(template);
  await migrate({ databaseUrl: postgres.url(template) });
  // Test files run in several processes: a sequence deals out the numbers of the Redis databases.
  const sequence = `CREATE SEQUENCE test_redis_database MAXVALUE ${redisDatabases - 1} CYCLE`;
  await query(postgres.url('postgres'), sequence);
  Object.assign(process.env, {
    TEST_DATABASE_ADMIN_URL: postgres.url('postgres'),
    TEST_DATABASE_TEMPLATE: template,
    TEST_REDIS_URL: redis.url,
    TEST_RUN_FOLDER: folder,
  });
}

/**
 * A fresh, migrated database of its own: a clone of the template, made in some 20 ms.
 * @returns {Promise<{ url: string, drop: () => Promise<void> }>} `url` is its owner's; `drop` ends every session on it.
 */
export async function createTestDatabase() {
  const adminUrl = fromRun('TEST_DATABASE_ADMIN_URL');
  const name = `test_${crypto.randomUUID().replaceAll('-', '')}`;
  await query(
    adminUrl,
    `CREATE DATABASE ${name} TEMPLATE ${fromRun('TEST_DATABASE_TEMPLATE')} STRATEGY FILE_COPY`,
  );
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: async () => void (await query(adminUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)),
  };
}

/**
 * The URL of a Redis database nobody else in this run uses. Channels of publish and subscribe are not divided by
 * database: name them by something of your own where it matters.
 * @returns {Promise<string>}
 */
export async function createTestRedisUrl() {
  const { rows } = await query(
    fromRun('TEST_DATABASE_ADMIN_URL'),
    `SELECT nextval('test_redis_database') AS number`,
  );
  return `${fromRun('TEST_REDIS_URL')}/${rows[0].number}`;
}

async function query(connectionString, text) {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return await client.query(text);
  } finally {
    await client.end();
  }
}

/** @param {string} name @returns {string} */
function fromRun(name) {
  const value = process.env[name];
  if (value === undefined)
    throw new Error(`${name} is not set: the test is not in a project with the global set-up.`);
  return value;
}

/** A run that was killed left its servers and files behind: they go when the next one starts. */
async function sweepDeadRuns() {
  if (!fs.existsSync(runsFolder)) return;
  for (const name of fs.readdirSync(runsFolder)) {
    const folder = path.join(runsFolder, name);
    if (runs(readOwner(folder))) continue;
    await endByPidFile(folder, 'postgres/data/postmaster.pid', 'SIGQUIT');
    await endByPidFile(folder, 'redis/redis.pid', 'SIGTERM');
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

function readOwner(folder) {
  try {
    return JSON.parse(fs.readFileSync(path.join(folder, 'owner.json'), 'utf8'));
  } catch {
    return undefined;
  }
}

/** Both servers work inside their data folder, so their working directory tells whose they are. */
async function endByPidFile(folder, file, signal) {
  const pidFile = path.join(folder, file);
  if (!fs.existsSync(pidFile)) return;
  const identity = identify(Number.parseInt(fs.readFileSync(pidFile, 'utf8'), 10));
  const place = `/proc/${identity?.pid}/cwd`;
  if (identity && fs.existsSync(place) && fs.readlinkSync(place).startsWith(folder))
    await end(identity, { signal });
}
