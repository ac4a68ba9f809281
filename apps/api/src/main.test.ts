import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createTestDatabase, createTestRedisUrl } from '../../../test/support/database.js';

const entry = path.join(import.meta.dirname, '..', 'dist', 'main.js');
const dataDir = fs.mkdtempSync(path.join(process.env.TEST_RUN_FOLDER ?? os.tmpdir(), 'main-'));
let database: { url: string; drop: () => Promise<void> };
let env: Record<string, string>;

beforeAll(async () => {
  database = await createTestDatabase();
  env = {
    DATABASE_URL: database.url,
    REDIS_URL: await createTestRedisUrl(),
    XENORACK_DATA: dataDir,
    XENORACK_ROLES: 'http',
    API_PORT: '0',
    LOG_LEVEL: 'error',
  };
});
afterAll(async () => {
  await database.drop();
  fs.rmSync(dataDir, { recursive: true, force: true });
});

interface Ended {
  code: number | null;
  errors: string;
}

/** The built program as its own process. `ready` gives its address, `ended` what it said when it had gone. */
function start(more: Record<string, string> = {}): {
  child: ChildProcess;
  ready: Promise<string>;
  ended: Promise<Ended>;
} {
  const child = spawn(process.execPath, [entry], {
    env: { PATH: process.env.PATH ?? '', ...env, ...more },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let errors = '';
  child.stderr?.on('data', (chunk) => (errors += chunk));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, errors }));
  const ready = once(child, 'message').then(([message]) => (message as { url: string }).url);
  return { child, ready, ended };
}

describe('the process', () => {
  test('says when it is ready, answers, and on SIGTERM ends in order with code 0', async () => {
    const { child, ready, ended } = start();
    const url = await ready;
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    const page = await fetch(`${url}/docs`);
    expect([page.status, (await page.text()).includes('swagger-ui')]).toEqual([200, true]);
    const stream = await fetch(`${url}/v1/openapi.json`);
    expect(((await stream.json()) as { openapi: string }).openapi).toMatch(/^3\.1/);
    child.kill('SIGTERM');
    expect(await ended).toEqual({ code: 0, errors: '' });
  });

  test('a port in use is one clear line and code 1', async () => {
    const holder = net.createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as net.AddressInfo;
    const { code, errors } = await start({ API_PORT: String(port) }).ended;
    holder.close();
    expect(code).toBe(1);
    expect(errors).toBe(
      `Port ${port} on 127.0.0.1 is in use: stop what uses it or set API_PORT to another port.\n`,
    );
  });

  test('an environment that cannot be used is one clear line and code 1', async () => {
    const { code, errors } = await start({ API_PORT: 'http' }).ended;
    expect([code, errors]).toEqual([1, 'API_PORT must be a whole number from 0 to 65535; it is "http".\n']);
  });
});
