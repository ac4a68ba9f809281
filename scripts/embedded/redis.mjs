// An embedded Redis: the real server where one is installed or the distribution's packages can be unpacked.
//
// Design: as for PostgreSQL, the server is a process of its own session with a log file, found again by its pid file and
// adopted. Its append-only file keeps what was written when it is killed.
// Invariants: it listens on 127.0.0.1 only and asks for a password that stands in a file only its owner can read.
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { cacheFolder as defaultCache, Refusal } from '../checkout.mjs';
import { commandLine, end, findOnPath, identify, runs, until } from './process.mjs';
import { redisFromPackages } from './redis-packages.mjs';
import { keptSecret } from './secret.mjs';

const startTimeoutMs = 30_000;

/**
 * @typedef {object} EmbeddedRedis
 * @property {number} port
 * @property {number} pid
 * @property {boolean} adopted Whether it ran already.
 * @property {string} url With the password.
 * @property {() => Promise<void>} stop Writes everything and leaves.
 */

/**
 * Starts the server of a folder, or adopts the one that still runs there.
 * @param {{ folder: string, port: number, cacheFolder?: string, isDurable?: boolean, databases?: number }} options
 * @returns {Promise<EmbeddedRedis>}
 * @throws {Refusal} when there is no Redis and none can be had, or it does not come up.
 */
export async function startRedis({
  folder,
  port,
  cacheFolder = defaultCache,
  isDurable = true,
  databases = 16,
}) {
  fs.mkdirSync(folder, { recursive: true });
  const password = keptSecret(path.join(folder, 'password'));
  const running = await findRunning(folder, password);
  if (running) return describe({ ...running, password, adopted: true });
  const { command, env } = await findServer(cacheFolder);
  const identity = await launch({ folder, port, password, command, env, isDurable, databases });
  return describe({ identity, port, password, adopted: false });
}

async function findServer(cacheFolder) {
  const installed = findOnPath('redis-server') ?? findOnPath('valkey-server');
  const found = installed ? { command: installed, env: {} } : await redisFromPackages(cacheFolder);
  if (found) return found;
  throw new Refusal(
    'Redis is missing: install it (`apt install redis-server`, `dnf install valkey`, `brew install redis`) or set REDIS_URL to a Redis of your own.',
  );
}

async function launch({ folder, port, password, command, env, isDurable, databases }) {
  const config = path.join(folder, 'redis.conf');
  fs.rmSync(config, { force: true });
  fs.writeFileSync(config, configuration({ folder, port, password, isDurable, databases }), { mode: 0o600 });
  const log = path.join(folder, 'log');
  fs.rmSync(log, { force: true });
  const descriptor = fs.openSync(log, 'a', 0o600);
  const child = spawn(command, [config], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...env },
    detached: true,
    stdio: ['ignore', descriptor, descriptor],
  });
  let failure;
  child.once('error', (error) => (failure = error.message));
  child.once('exit', (code, signal) => (failure ??= `it left with ${signal ?? `code ${code}`}`));
  child.unref();
  fs.closeSync(descriptor);
  const isUp = await until(
    async () => failure !== undefined || (await isReady(port, password)),
    startTimeoutMs,
  );
  if (isUp && failure === undefined) return identify(child.pid);
  await end(child.pid && identify(child.pid));
  const words = fs.readFileSync(log, 'utf8').trim().split('\n').at(-1);
  throw new Refusal(`The embedded Redis did not start: ${words || failure} (log: ${log})`);
}

function configuration({ folder, port, password, isDurable, databases }) {
  const quoted = (text) => JSON.stringify(text);
  return [
    'bind 127.0.0.1',
    `port ${port}`,
    `requirepass ${password}`,
    'protected-mode yes',
    'daemonize no',
    `pidfile ${quoted(path.join(folder, 'redis.pid'))}`,
    `dir ${quoted(folder)}`,
    `databases ${databases}`,
    `appendonly ${isDurable ? 'yes' : 'no'}`,
    'appendfsync everysec',
    'save ""',
    // Queues live here: a key that is dropped to make room would be a lost job.
    'maxmemory-policy noeviction',
    '',
  ].join('\n');
}

async function findRunning(folder, password) {
  const pidFile = path.join(folder, 'redis.pid');
  const identity = fs.existsSync(pidFile) ? identify(Number(fs.readFileSync(pidFile, 'utf8'))) : undefined;
  // Redis shows its address instead of its arguments as its command line.
  const port = Number(
    /(?:redis|valkey)-server\S* 127\.0\.0\.1:(\d+)/.exec(identity ? commandLine(identity.pid) : '')?.[1],
  );
  if (!identity || !port) return undefined;
  // One that is about to leave answers no more; wait for it rather than start a second on the same files.
  const isReadyNow = await until(async () => !runs(identity) || (await isReady(port, password)), 5_000);
  return isReadyNow && runs(identity) ? { identity, port } : undefined;
}

/** Whether the server with this password answers: another one on the same port does not count. */
function isReady(port, password) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(`AUTH ${password}\r\nPING\r\n`));
    let text = '';
    socket.setTimeout(2_000, () => socket.destroy());
    socket.on('data', (chunk) => {
      text += chunk;
      if (text.includes('+PONG')) resolve(true);
      if (text.includes('+PONG') || text.includes('-')) socket.destroy();
    });
    socket.on('error', () => resolve(false));
    socket.on('close', () => resolve(false));
  });
}

function describe({ identity, port, password, adopted }) {
  return {
    port,
    pid: identity.pid,
    adopted,
    url: `redis://:${password}@127.0.0.1:${port}`,
    stop: () => end(identity, { timeoutMs: 30_000 }),
  };
}
