// The whole product for one test: `npm start` on free ports with a data folder and databases of its own.
import fs from 'node:fs';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { root } from '../../scripts/checkout.mjs';
import { freePort } from '../../scripts/embedded/port.mjs';
import { identify, runs, until } from '../../scripts/embedded/process.mjs';
import { createTestDatabase, createTestRedisUrl } from './run-servers.mjs';

// A fresh checkout installs and builds first.
const readyTimeoutMs = 600_000;

/**
 * @typedef {object} Stack
 * @property {string} apiUrl
 * @property {string} dashboardUrl The API's own address when no dashboard was asked for.
 * @property {string} dataFolder
 * @property {string | undefined} databaseUrl undefined with servers of its own.
 * @property {string | undefined} redisUrl
 * @property {{ email: string, password: string }} operator
 * @property {{ email: string, password: string, api_key: string }} tenant
 * @property {() => string} output What the start command has printed so far.
 * @property {() => number} pid Of the start command.
 * @property {() => Record<string, import('../../scripts/embedded/process.mjs').ProcessIdentity>} services
 *   The processes by name, `API` and `dashboard`.
 * @property {() => Promise<number | null>} stop Ctrl-C: stops everything and waits; the data stays. The exit code.
 * @property {() => Promise<void>} kill kill -9 of the start command, the API, the dashboard and its own servers at once.
 * @property {() => Promise<void>} restart Starts again on the same data and ports after stop or kill; waits until ready.
 * @property {() => Promise<void>} dispose Stops and removes everything: call it in afterAll.
 */

/**
 * Starts the product and waits until it is ready.
 * @param {{ dashboard?: boolean, ownServers?: boolean, checkout?: string, env?: Record<string, string> }} [options]
 *   `dashboard` must have been built; `ownServers` are an embedded PostgreSQL and Redis that a test may kill, otherwise
 *   the product gets databases on those of the run; `checkout` is another checkout than this one; `env` are more variables for the product's processes.
 * @returns {Promise<Stack>}
 */
export async function startStack({
  dashboard = false,
  ownServers = false,
  checkout = root,
  env: more = {},
} = {}) {
  const dataFolder = fs.mkdtempSync(
    path.join(process.env.TEST_RUN_FOLDER ?? path.join(root, '.xenorack'), 'stack-'),
  );
  const database = ownServers ? undefined : await createTestDatabase();
  const redisUrl = ownServers ? undefined : await createTestRedisUrl();
  const apiUrl = `http://127.0.0.1:${await freePort()}`;
  const dashboardUrl = dashboard ? `http://127.0.0.1:${await freePort()}` : apiUrl;
  const env = {
    XENORACK_DATA: dataFolder,
    DATABASE_URL: database?.url ?? '',
    REDIS_URL: redisUrl ?? '',
    // Channels are not divided by database.
    REDIS_PREFIX: path
      .basename(dataFolder)
      .toLowerCase()
      .replaceAll(/[^a-z0-9-]/g, '-'),
    API_PORT: new URL(apiUrl).port,
    DASHBOARD_PORT: dashboard ? new URL(dashboardUrl).port : 'off',
    ...more,
  };
  let command = await startCommand(checkout, env);
  const { operator, tenant } = JSON.parse(fs.readFileSync(path.join(dataFolder, 'demo.json'), 'utf8'));
  const stop = () => {
    command.child.kill('SIGTERM');
    return ended(command.child);
  };
  return {
    apiUrl,
    dashboardUrl,
    dataFolder,
    databaseUrl: database?.url,
    redisUrl,
    operator,
    tenant,
    output: () => command.output(),
    pid: () => command.child.pid ?? 0,
    services: () => servicesOf(dataFolder),
    stop,
    kill: () => killAll(dataFolder, command.child),
    restart: async () => {
      command = await startCommand(checkout, env);
    },
    dispose: async () => {
      await stop();
      await database?.drop();
      fs.rmSync(dataFolder, { recursive: true, force: true });
    },
  };
}

/** @param {string} checkout @param {Record<string, string>} env */
async function startCommand(checkout, env) {
  const child = spawn(process.execPath, [path.join(checkout, 'scripts', 'start.mjs')], {
    cwd: checkout,
    // Jest's own flags and its NODE_ENV are not the product's.
    env: { ...process.env, NODE_OPTIONS: '', NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  child.stdout.on('data', (chunk) => (text += chunk));
  child.stderr.on('data', (chunk) => (text += chunk));
  const isReady = () => text.includes('Xenorack is ready');
  await until(() => isReady() || child.exitCode !== null, readyTimeoutMs, 50);
  if (!isReady() || child.exitCode !== null) {
    child.kill('SIGTERM');
    await ended(child);
    throw new Error(`The product did not start:\n${text}\n${lastLogLines(env.XENORACK_DATA ?? '')}`);
  }
  return { child, output: () => text };
}

/** @param {import('node:child_process').ChildProcess} child @returns {Promise<number | null>} */
async function ended(child) {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

async function killAll(dataFolder, child) {
  const services = Object.values(servicesOf(dataFolder));
  const servers = ['postgres/data/postmaster.pid', 'redis/redis.pid']
    .map((file) => Number.parseInt(readText(path.join(dataFolder, file)), 10))
    .filter((pid) => pid > 0);
  child.kill('SIGKILL');
  const pids = [
    ...services.filter(runs).map((service) => service.pid),
    ...servers.filter((pid) => identify(pid)),
  ];
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await ended(child);
  await until(() => !services.some(runs), 10_000);
}

/** @param {string} dataFolder @returns {Record<string, import('../../scripts/embedded/process.mjs').ProcessIdentity>} */
function servicesOf(dataFolder) {
  return JSON.parse(readText(path.join(dataFolder, 'services.json')) || '{}');
}

function readText(file) {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
}

function lastLogLines(dataFolder) {
  const folder = path.join(dataFolder, 'logs');
  if (!fs.existsSync(folder)) return '';
  const tail = (name) => readText(path.join(folder, name)).split('\n').slice(-30).join('\n');
  return fs
    .readdirSync(folder)
    .map((name) => `--- ${name}\n${tail(name)}`)
    .join('\n');
}
