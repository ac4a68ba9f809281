// Starts one PostgreSQL and one Redis for a whole test run and prepares the migrated template every test database is
// cloned from. Tests learn of them through the environment; test/support/database.ts and redis.ts hand them out.
import fs from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { root } from '../../scripts/checkout.mjs';
import { freePort } from '../../scripts/embedded/port.mjs';
import { startPostgres } from '../../scripts/embedded/postgres.mjs';
import { end, identify, runs } from '../../scripts/embedded/process.mjs';
import { startRedis } from '../../scripts/embedded/redis.mjs';
import { migrate } from '../../scripts/migrate.mjs';
import globalTeardown from './global-teardown.mjs';

const runsFolder = path.join(root, '.xenorack', 'test');
const redisDatabases = 4096;
const template = 'xenorack_template';
// What a crash of the machine would lose is of no use to a test run.
const quickSettings = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '400',
};

export default async function globalSetup() {
  try {
    await start();
  } catch (error) {
    // Jest runs no teardown after a set-up that failed.
    await globalTeardown();
    throw error;
  }
}

async function start() {
  await sweepDeadRuns();
  const folder = path.join(runsFolder, String(process.pid));
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'owner.json'), JSON.stringify(identify(process.pid)));

  const stops = [() => fs.rmSync(folder, { recursive: true, force: true })];
  globalThis.xenorackTestStops = stops;
  const postgres = await startPostgres({
    folder: path.join(folder, 'postgres'),
    port: await freePort(),
    settings: quickSettings,
  });
  stops.push(() => fs.rmSync(postgres.cluster, { recursive: true, force: true }));
  stops.push(() => postgres.stop());
  const redis = await startRedis({
    folder: path.join(folder, 'redis'),
    port: await freePort(),
    isDurable: false,
    databases: redisDatabases,
  });
  stops.push(() => redis.stop());

  await postgres.ensureDatabase(template);
  await migrate({ databaseUrl: postgres.url(template) });
  // Test files run in several processes: a sequence deals out the numbers of the Redis databases.
  const admin = new pg.Client({ connectionString: postgres.url('postgres') });
  await admin.connect();
  await admin.query(`CREATE SEQUENCE test_redis_database MAXVALUE ${redisDatabases - 1} CYCLE`);
  await admin.end();
  Object.assign(process.env, {
    TEST_DATABASE_ADMIN_URL: postgres.url('postgres'),
    TEST_DATABASE_TEMPLATE: template,
    TEST_REDIS_URL: redis.url,
    TEST_RUN_FOLDER: folder,
  });
}

/** A run that was killed left its servers and files behind: they go when the next one starts. */
async function sweepDeadRuns() {
  if (!fs.existsSync(runsFolder)) return;
  for (const name of fs.readdirSync(runsFolder)) {
    const folder = path.join(runsFolder, name);
    if (runs(readOwner(folder))) continue;
    for (const file of ['postgres/data/postmaster.pid', 'redis/redis.pid']) await endByPidFile(folder, file);
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

async function endByPidFile(folder, file) {
  const pidFile = path.join(folder, file);
  if (!fs.existsSync(pidFile)) return;
  const identity = identify(Number.parseInt(fs.readFileSync(pidFile, 'utf8'), 10));
  const isOurs =
    identity && fs.existsSync(`/proc/${identity.pid}/cwd`) && cwdOf(identity.pid).startsWith(folder);
  if (isOurs) await end(identity, { signal: file.startsWith('postgres') ? 'SIGQUIT' : 'SIGTERM' });
}

/** Both servers work inside their data folder, so their working directory tells whose they are. */
function cwdOf(pid) {
  return fs.readlinkSync(`/proc/${pid}/cwd`);
}
