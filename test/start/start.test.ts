import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { root } from '../../scripts/checkout.mjs';
import { freePort, isFree } from '../../scripts/embedded/port.mjs';
import { identify, runs, until } from '../../scripts/embedded/process.mjs';
import { createTestDatabase, createTestRedisUrl } from '../support/database.js';
import { startStack } from '../support/stack.mjs';

let dataFolder: string;
beforeAll(() => {
  dataFolder = fs.mkdtempSync(path.join(process.env['TEST_RUN_FOLDER'] ?? '', 'start-'));
});
afterAll(() => fs.rmSync(dataFolder, { recursive: true, force: true }));

interface Ended {
  code: number | null;
  output: string;
  errors: string;
}

/** Runs `npm start`'s script to its end. */
async function start(env: Record<string, string>): Promise<Ended> {
  const usual = { XENORACK_DATA: dataFolder, API_PORT: String(await freePort()), DASHBOARD_PORT: 'off' };
  const child = spawn(process.execPath, [path.join(root, 'scripts', 'start.mjs')], {
    env: { ...process.env, NODE_OPTIONS: '', DATABASE_URL: '', REDIS_URL: '', ...usual, ...env },
  });
  const result: Ended = { code: null, output: '', errors: '' };
  child.stdout.on('data', (chunk: Buffer) => (result.output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (result.errors += chunk.toString()));
  return new Promise((resolve) => child.on('close', (code) => resolve({ ...result, code })));
}

describe('npm start refuses in one line that says what to do, with code 1, and leaves nothing running', () => {
  async function expectRefusal(env: Record<string, string>, line: RegExp): Promise<void> {
    const { code, errors } = await start(env);
    expect(errors.trim().split('\n')).toEqual([expect.stringMatching(line)]);
    expect(code).toBe(1);
    expect(fs.existsSync(path.join(dataFolder, 'lock'))).toBe(false);
    for (const file of ['postgres/data/postmaster.pid', 'redis/redis.pid']) {
      expect(fs.existsSync(path.join(dataFolder, file))).toBe(false);
    }
  }

  test('a busy port', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await until(() => server.listening, 5_000);
    const { port } = server.address() as net.AddressInfo;
    await expectRefusal({ API_PORT: String(port) }, new RegExp(`^Port ${port} is busy: .*API_PORT=`));
    await expectRefusal(
      { DASHBOARD_PORT: String(port) },
      new RegExp(`^Port ${port} is busy: .*DASHBOARD_PORT=`),
    );
    server.close();
  });

  test.each([
    [
      'a port that is none',
      { API_PORT: '70000' },
      /^API_PORT is "70000": it must be a port number from 1 to 65535\.$/,
    ],
    [
      'two equal ports',
      { API_PORT: '4321', DASHBOARD_PORT: '4321' },
      /^API_PORT and DASHBOARD_PORT are both 4321/,
    ],
    ['an unknown role', { XENORACK_ROLES: 'http,cook' }, /^XENORACK_ROLES is "http,cook"/],
    [
      'a database URL of another kind',
      { DATABASE_URL: 'mysql://x' },
      /^DATABASE_URL must be a URL that begins with/,
    ],
    [
      'a data folder below a file',
      { XENORACK_DATA: path.join(root, 'package.json', 'x') },
      /^The data folder .* cannot be made \(ENOTDIR\): set XENORACK_DATA/,
    ],
  ])('%s', async (_, env, line) => {
    await expectRefusal(env as Record<string, string>, line);
  });

  test('a database that does not answer', async () => {
    await expectRefusal(
      { DATABASE_URL: 'postgresql://me:pw@127.0.0.1:1/x', REDIS_URL: await createTestRedisUrl() },
      /^PostgreSQL at 127\.0\.0\.1:1\/x cannot be used \(.*\)\. Start it or correct DATABASE_URL/,
    );
  });

  test('a Redis that does not answer, or not to this password', async () => {
    const { url, drop } = await createTestDatabase();
    await expectRefusal(
      { DATABASE_URL: url, REDIS_URL: 'redis://127.0.0.1:1' },
      /^Redis at 127\.0\.0\.1:1 cannot be used \(ECONNREFUSED\)/,
    );
    const wrong = new URL(await createTestRedisUrl());
    wrong.password = 'wrong';
    await expectRefusal(
      { DATABASE_URL: url, REDIS_URL: wrong.href },
      /^Redis at .* cannot be used \(WRONGPASS/,
    );
    await drop();
  });
});

describe('npm start', () => {
  test('stops without leaving anything, starts again on what it kept, also after kill -9 of everything', async () => {
    const stack = await startStack({ ownServers: true });
    const demoFile = path.join(stack.dataFolder, 'demo.json');
    const demo = fs.readFileSync(demoFile, 'utf8');
    expect(fs.statSync(demoFile).mode & 0o777).toBe(0o600);
    expect(JSON.parse(demo)).toMatchObject({
      api_url: stack.apiUrl,
      operator: { email: expect.stringContaining('@') },
    });

    const second = await start({ XENORACK_DATA: stack.dataFolder });
    expect(second).toMatchObject({
      code: 1,
      errors: expect.stringMatching(/^Xenorack already runs on .* \(process \d+\)/),
    });

    const { API: api } = stack.services();
    expect(runs(api)).toBe(true);
    expect(await stack.stop()).toBe(0);
    expect(runs(api)).toBe(false);
    expect(await isFree(Number(new URL(stack.apiUrl).port))).toBe(true);
    expect(fs.existsSync(path.join(stack.dataFolder, 'postgres/data/postmaster.pid'))).toBe(false);

    await stack.restart();
    await stack.kill();
    await stack.restart();
    expect(fs.readFileSync(demoFile, 'utf8')).toBe(demo);
    expect((await fetch(`${stack.apiUrl}/readyz`)).status).toBe(200);

    // Only the start command dies: its API is an orphan, which the next start ends.
    const { API: orphan } = stack.services();
    process.kill(stack.pid(), 'SIGKILL');
    const startIdentity = identify(stack.pid());
    await until(() => !runs(startIdentity), 10_000);
    expect(runs(orphan)).toBe(true);
    await stack.restart();
    expect(runs(orphan)).toBe(false);
    await stack.dispose();
  });
});
