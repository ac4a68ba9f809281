// An embedded PostgreSQL: the real server, started from the programs that npm installed.
//
// Design: the server is a process of its own session, so Ctrl-C reaches us first and we stop it last. It writes its log to a
// file, so it does not notice when we are killed; the next start finds it by its postmaster.pid and adopts it.
// Invariants: it listens on 127.0.0.1 only, has no Unix socket, and asks for a password that only the data folder's
// owner can read. A cluster is made under another name and renamed, so a half made one is never started.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execFileSync, spawn } from 'node:child_process';
import { cacheFolder as defaultCache, Refusal } from '../checkout.mjs';
import { accountFor, clusterOf, postgresPrograms } from './postgres-binaries.mjs';
import { answers } from './port.mjs';
import { commandLine, end, identify, runs, until, wait } from './process.mjs';
import { keptSecret } from './secret.mjs';

const startTimeoutMs = 60_000;
const sharedMemoryTimeoutMs = 30_000;
const logBytesMax = 8 * 1024 * 1024;

/**
 * @typedef {object} EmbeddedPostgres
 * @property {number} port
 * @property {number} pid
 * @property {boolean} adopted Whether it ran already.
 * @property {string} cluster The folder of its files.
 * @property {(database: string) => string} url A connection string with the password.
 * @property {(database: string) => Promise<void>} ensureDatabase Creates it when it does not exist.
 * @property {() => Promise<void>} stop Ends sessions, writes everything, leaves.
 */

/**
 * Starts the server of a folder, or adopts the one that still runs there.
 * @param {{ folder: string, port: number, settings?: Record<string, string>, cacheFolder?: string }} options
 *   `folder` holds cluster, password and log; `settings` are server settings, in force when it is started now.
 * @returns {Promise<EmbeddedPostgres>}
 * @throws {Refusal} with the server's own last words when it does not come up.
 */
export async function startPostgres({ folder, port, settings = {}, cacheFolder = defaultCache }) {
  makeEnterable(folder);
  const cluster = clusterOf(folder);
  const account = accountFor(cluster);
  const running = await findRunning(cluster);
  if (running) return describe({ ...running, folder, cluster, adopted: true });

  const programs = postgresPrograms(account, cacheFolder);
  if (!fs.existsSync(cluster))
    createCluster({ folder, cluster, account, programs, isDurable: settings.fsync !== 'off' });
  const identity = await launch({ folder, cluster, account, programs, port, settings });
  return describe({ identity, port, folder, cluster, adopted: false });
}

/** Root's servers run under another account: the folders above the cluster must let it pass. */
function makeEnterable(folder) {
  fs.mkdirSync(folder, { recursive: true });
  if (process.getuid?.() !== 0) return;
  for (const place of [folder, path.dirname(folder)]) fs.chmodSync(place, fs.statSync(place).mode | 0o011);
}

function environment() {
  return { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC', HOME: os.tmpdir() };
}

function createCluster({ folder, cluster, account, programs, isDurable }) {
  const password = keptSecret(path.join(folder, 'password'));
  const unfinished = `${cluster}.new`;
  fs.rmSync(unfinished, { recursive: true, force: true });
  fs.mkdirSync(unfinished, { mode: 0o700 });
  const passwordFolder = fs.mkdtempSync(path.join(os.tmpdir(), 'xenorack-'));
  const passwordFile = path.join(passwordFolder, 'password');
  fs.writeFileSync(passwordFile, password, { mode: 0o600 });
  if (account.uid !== undefined) {
    for (const place of [unfinished, passwordFolder, passwordFile])
      fs.chownSync(place, account.uid, account.gid);
  }
  const args = [
    '-D',
    unfinished,
    '-U',
    'postgres',
    '-A',
    'scram-sha-256',
    `--pwfile=${passwordFile}`,
    '-E',
    'UTF8',
  ];
  args.push(
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    ...(isDurable ? [] : ['--no-sync']),
  );
  try {
    execFileSync(path.join(programs, 'bin', 'initdb'), args, {
      ...account,
      cwd: '/',
      env: environment(),
      stdio: 'pipe',
    });
  } catch (error) {
    throw new Refusal(
      `PostgreSQL could not create its files in ${cluster}: ${lastLine(String(error.stderr ?? error.message))}`,
    );
  } finally {
    fs.rmSync(passwordFolder, { recursive: true, force: true });
  }
  fs.renameSync(unfinished, cluster);
}

/**
 * Reads postmaster.pid. A file that a dead server left is no obstacle for PostgreSQL unless its process id was used again.
 * @returns {Promise<{ identity: import('./process.mjs').ProcessIdentity, port: number } | undefined>}
 */
async function findRunning(cluster) {
  const lockFile = path.join(cluster, 'postmaster.pid');
  const read = () => (fs.existsSync(lockFile) ? fs.readFileSync(lockFile, 'utf8').split('\n') : []);
  const identity = identify(Number(read()[0]));
  if (!identity) return undefined;
  if (!commandLine(identity.pid).includes(cluster)) {
    fs.rmSync(lockFile, { force: true });
    return undefined;
  }
  const isSettled = () => !runs(identity) || (read()[7] ?? '').trim() === 'ready';
  if (!(await until(isSettled, startTimeoutMs))) await end(identity, { signal: 'SIGINT' });
  const port = Number(read()[3]);
  return runs(identity) && (await answers(port)) ? { identity, port } : undefined;
}

async function launch(options) {
  const deadlineMs = Date.now() + sharedMemoryTimeoutMs;
  for (;;) {
    const { identity, words } = await launchOnce(options);
    if (identity) return identity;
    // After kill -9 of the server its children need a moment to notice; until then its shared memory is in use.
    const isTransient = /pre-existing shared memory block|lock file "postmaster.pid" already exists/.test(
      words,
    );
    if (!isTransient || Date.now() > deadlineMs) {
      throw new Refusal(
        `The embedded PostgreSQL did not start: ${lastLine(words)} (log: ${path.join(options.folder, 'log')})`,
      );
    }
    await wait(250);
  }
}

async function launchOnce({ folder, cluster, account, programs, port, settings }) {
  const log = openLog(path.join(folder, 'log'));
  const all = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    ...settings,
  };
  const args = [
    '-D',
    cluster,
    '-p',
    String(port),
    ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  const child = spawn(path.join(programs, 'bin', 'postgres'), args, {
    ...account,
    cwd: '/',
    env: environment(),
    detached: true,
    stdio: ['ignore', log.descriptor, log.descriptor],
  });
  let failure;
  child.once('error', (error) => (failure = error.message));
  child.once('exit', (code, signal) => (failure ??= `it left with ${signal ?? `code ${code}`}`));
  child.unref();
  fs.closeSync(log.descriptor);
  const lockFile = path.join(cluster, 'postmaster.pid');
  const isReady = () => {
    const lines = fs.existsSync(lockFile) ? fs.readFileSync(lockFile, 'utf8').split('\n') : [];
    return Number(lines[0]) === child.pid && (lines[7] ?? '').trim() === 'ready';
  };
  await until(() => failure !== undefined || isReady(), startTimeoutMs, 10);
  if (failure === undefined && (await answers(port))) return { identity: identify(child.pid), words: '' };
  if (failure === undefined) await end(identify(child.pid), { signal: 'SIGINT' });
  return { identity: undefined, words: fs.readFileSync(log.file).subarray(log.start).toString() || failure };
}

function openLog(file) {
  const size = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > logBytesMax) fs.renameSync(file, `${file}.1`);
  return { file, start: size > logBytesMax ? 0 : size, descriptor: fs.openSync(file, 'a', 0o600) };
}

function lastLine(text) {
  const lines = text.trim().split('\n');
  const telling = lines.filter((line) => /FATAL|PANIC|error/i.test(line));
  return (telling.at(-1) ?? lines.at(-1) ?? '').trim();
}

function describe({ identity, port, folder, cluster, adopted }) {
  const password = keptSecret(path.join(folder, 'password'));
  const url = (database) => `postgresql://postgres:${password}@127.0.0.1:${port}/${database}`;
  return {
    port,
    pid: identity.pid,
    adopted,
    cluster,
    url,
    ensureDatabase: (database) => ensureDatabase(url('postgres'), database),
    stop: () => end(identity, { signal: 'SIGINT', timeoutMs: 60_000 }),
  };
}

async function ensureDatabase(adminUrl, database) {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}`);
  } finally {
    await client.end();
  }
}
