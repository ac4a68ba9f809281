import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { root } from '../../scripts/checkout.mjs';
import { freePort } from '../../scripts/embedded/port.mjs';
import { runs, until, type ProcessIdentity } from '../../scripts/embedded/process.mjs';
import { createTestDatabase, createTestRedisUrl } from './database.js';

export interface StackOptions {
  /** Whether the dashboard is started too; it must have been built. */
  readonly dashboard?: boolean;
  /** PostgreSQL and Redis of its own, so that a test can kill them; otherwise those of the test run. */
  readonly ownServers?: boolean;
  /** More variables for the product's processes. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Stack {
  readonly apiUrl: string;
  /** The API's own address when no dashboard was asked for. */
  readonly dashboardUrl: string;
  readonly dataFolder: string;
  readonly databaseUrl: string | undefined;
  readonly redisUrl: string | undefined;
  readonly operator: { email: string; password: string };
  readonly tenant: { email: string; password: string; api_key: string };
  /** The output of the start command so far. */
  output(): string;
  /** Ctrl-C: stops the processes and waits; the data stays. Resolves with the exit code. */
  stop(): Promise<number | null>;
  /** kill -9 of the start command, the API and the dashboard at once, and of servers of its own. */
  kill(): Promise<void>;
  /** Starts again on the same data and ports after stop or kill; waits until ready. */
  restart(): Promise<void>;
  /** Stops and removes everything: call it in afterAll. */
  dispose(): Promise<void>;
}

interface Demo {
  operator: Stack['operator'];
  tenant: Stack['tenant'];
}

const readyTimeoutMs = 110_000;

/** Starts the whole product on free ports with a data folder and databases of its own and waits until it is ready. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const dataFolder = fs.mkdtempSync(path.join(process.env['TEST_RUN_FOLDER'] ?? '/tmp', 'stack-'));
  const database = options.ownServers ? undefined : await createTestDatabase();
  const redisUrl = options.ownServers ? undefined : await createTestRedisUrl();
  const apiPort = await freePort();
  const dashboardPort = options.dashboard ? await freePort() : undefined;
  const env = {
    XENORACK_DATA: dataFolder,
    DATABASE_URL: database?.url ?? '',
    REDIS_URL: redisUrl ?? '',
    API_PORT: String(apiPort),
    DASHBOARD_PORT: dashboardPort === undefined ? 'off' : String(dashboardPort),
    ...options.env,
  };
  let command = await startCommand(env);
  const apiUrl = `http://127.0.0.1:${apiPort}`;
  const { operator, tenant } = JSON.parse(
    fs.readFileSync(path.join(dataFolder, 'demo.json'), 'utf8'),
  ) as Demo;

  const stop = async (): Promise<number | null> => {
    command.child.kill('SIGTERM');
    return ended(command.child);
  };
  return {
    apiUrl,
    dashboardUrl: dashboardPort === undefined ? apiUrl : `http://127.0.0.1:${dashboardPort}`,
    dataFolder,
    databaseUrl: database?.url,
    redisUrl,
    operator,
    tenant,
    output: () => command.output(),
    stop,
    kill: () => killAll(dataFolder, command.child),
    restart: async () => {
      command = await startCommand(env);
    },
    dispose: async () => {
      await stop();
      await database?.drop();
      fs.rmSync(dataFolder, { recursive: true, force: true });
    },
  };
}

interface Command {
  readonly child: ChildProcess;
  output(): string;
}

async function startCommand(env: Record<string, string>): Promise<Command> {
  const child = spawn(process.execPath, [path.join(root, 'scripts', 'start.mjs')], {
    cwd: root,
    // Jest's own flags and its NODE_ENV are not the product's.
    env: { ...process.env, NODE_OPTIONS: '', NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const isSettled = (): boolean => text.includes('Xenorack is ready') || child.exitCode !== null;
  const inTime = await until(isSettled, readyTimeoutMs, 50);
  if (!inTime || child.exitCode !== null) {
    child.kill('SIGTERM');
    await ended(child);
    throw new Error(`The product did not start:\n${text}\n${lastLogLines(env['XENORACK_DATA'] ?? '')}`);
  }
  return { child, output: () => text };
}

async function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

async function killAll(dataFolder: string, child: ChildProcess): Promise<void> {
  const read = (file: string): string => {
    const full = path.join(dataFolder, file);
    return fs.existsSync(full) ? fs.readFileSync(full, 'utf8') : '';
  };
  const services = Object.values(
    JSON.parse(read('services.json') || '{}') as Record<string, ProcessIdentity>,
  );
  const servers = [read('postgres/data/postmaster.pid'), read('redis/redis.pid')]
    .map((text) => Number.parseInt(text, 10))
    .filter((pid) => pid > 0);
  child.kill('SIGKILL');
  for (const pid of [...services.filter(runs).map((service) => service.pid), ...servers])
    process.kill(pid, 'SIGKILL');
  await ended(child);
  await until(() => !services.some(runs), 10_000);
}

function lastLogLines(dataFolder: string): string {
  const folder = path.join(dataFolder, 'logs');
  if (!fs.existsSync(folder)) return '';
  const logs = fs
    .readdirSync(folder)
    .map((name) => [name, fs.readFileSync(path.join(folder, name), 'utf8')] as const);
  return logs.map(([name, text]) => `--- ${name}\n${text.split('\n').slice(-30).join('\n')}`).join('\n');
}
