import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { freePort, isFree } from '../../scripts/embedded/port.mjs';
import { startPostgres } from '../../scripts/embedded/postgres.mjs';
import { identify, runs, until } from '../../scripts/embedded/process.mjs';
import { startRedis } from '../../scripts/embedded/redis.mjs';

let folder: string;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(process.env['TEST_RUN_FOLDER'] ?? '', 'embedded-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

async function killHard(pid: number): Promise<void> {
  const identity = identify(pid);
  process.kill(pid, 'SIGKILL');
  await until(() => !runs(identity), 10_000);
}

async function queryPostgres(connectionString: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

function modeOf(file: string): number {
  return fs.statSync(file).mode & 0o777;
}

describe('embedded PostgreSQL', () => {
  const options = async (): Promise<{ folder: string; port: number }> => ({
    folder: path.join(folder, 'postgres'),
    port: await freePort(),
  });

  test('keeps what was committed over a stop, an adoption and kill -9 of the server', async () => {
    const first = await startPostgres(await options());
    expect(first.adopted).toBe(false);
    await first.ensureDatabase('kept');
    await queryPostgres(first.url('kept'), 'CREATE TABLE t AS SELECT 7 AS x');

    const adopted = await startPostgres(await options());
    expect(adopted).toMatchObject({ adopted: true, pid: first.pid, port: first.port });

    await killHard(adopted.pid);
    const afterKill = await startPostgres(await options());
    expect(afterKill.adopted).toBe(false);
    expect(await queryPostgres(afterKill.url('kept'), 'SELECT x FROM t')).toEqual([{ x: 7 }]);

    await afterKill.stop();
    expect(identify(afterKill.pid)).toBeUndefined();
    expect(await isFree(afterKill.port)).toBe(true);
  });

  test('starts although a dead server left its lock file with a number that is used again', async () => {
    const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const { cluster, stop } = await startPostgres(await options());
    const lockFile = path.join(cluster, 'postmaster.pid');
    const lines = fs.readFileSync(lockFile, 'utf8').split('\n');
    await stop();
    fs.writeFileSync(lockFile, [stranger.pid, ...lines.slice(1)].join('\n'));
    const server = await startPostgres(await options());
    expect(server.adopted).toBe(false);
    await server.stop();
    expect(stranger.exitCode).toBeNull();
    stranger.kill();
    await once(stranger, 'exit');
  });

  test('listens on the loopback only, has no Unix socket, wants the password, which only its owner reads', async () => {
    const server = await startPostgres(await options());
    const [settings] = await queryPostgres(
      server.url('postgres'),
      `SELECT current_setting('listen_addresses') AS addresses, current_setting('unix_socket_directories') AS sockets,
              current_setting('fsync') AS fsync`,
    );
    expect(settings).toEqual({ addresses: '127.0.0.1', sockets: '', fsync: 'on' });
    const wrong = new URL(server.url('postgres'));
    wrong.password = 'wrong';
    await expect(queryPostgres(wrong.href, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
    expect(modeOf(path.join(folder, 'postgres', 'password'))).toBe(0o600);
    await server.stop();
  });
});

describe('embedded Redis', () => {
  const options = async (): Promise<{ folder: string; port: number }> => ({
    folder: path.join(folder, 'redis'),
    port: await freePort(),
  });

  /** Sends commands as lines and gives back what came until `last` stands at the end. */
  function ask(port: number, lines: string[], last: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(port, '127.0.0.1', () => socket.write(`${lines.join('\r\n')}\r\n`));
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString();
        if (text.includes(last)) socket.end();
      });
      socket.on('error', reject);
      socket.on('close', () => resolve(text));
    });
  }

  test('keeps what it acknowledged over an adoption, kill -9 and a stop', async () => {
    const first = await startRedis(await options());
    const password = new URL(first.url).password;
    const bothDone = '+OK\r\n+OK';
    expect(await ask(first.port, [`AUTH ${password}`, 'SET kept 7'], bothDone)).toContain(bothDone);
    const adopted = await startRedis(await options());
    expect(adopted).toMatchObject({ adopted: true, pid: first.pid, port: first.port });
    await killHard(adopted.pid);
    const afterKill = await startRedis(await options());
    expect(afterKill.adopted).toBe(false);
    expect(await ask(afterKill.port, [`AUTH ${password}`, 'GET kept'], '7\r\n')).toContain('$1\r\n7');
    await afterKill.stop();
    expect(identify(afterKill.pid)).toBeUndefined();
  });

  test('answers nobody without the password, which only its owner reads', async () => {
    const server = await startRedis(await options());
    expect(await ask(server.port, ['PING'], '-NOAUTH')).toContain('-NOAUTH');
    expect(modeOf(path.join(folder, 'redis', 'password'))).toBe(0o600);
    expect(modeOf(path.join(folder, 'redis', 'redis.conf'))).toBe(0o600);
    await server.stop();
  });
});
