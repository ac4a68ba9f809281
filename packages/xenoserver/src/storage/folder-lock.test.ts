import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FolderLock } from './folder-lock.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'folder-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Holds the folder as another process or thread does; says `held`. */
const HOLDER = (say: string): string => `
  const { createServer } = require('node:net');
  const path = process.argv.at(-1) + '/lock-' + process.pid + '-0123456789abcdef.sock';
  createServer((socket) => socket.destroy()).listen(path, () => ${say});
`;

describe('FolderLock', () => {
  test('a folder has one owner; released, it is free and nothing is left in it', async () => {
    const first = await FolderLock.take(folder);
    await expect(FolderLock.take(folder)).rejects.toMatchObject({ code: 'EBUSY' });
    await first.release();
    expect(readdirSync(folder)).toEqual([]);
    await (await FolderLock.take(folder)).release();
  });

  test('of many that come at once at most one gets it', async () => {
    const tries = await Promise.allSettled(Array.from({ length: 20 }, () => FolderLock.take(folder)));
    const taken = tries.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(taken.length).toBeLessThanOrEqual(1);
    for (const lock of taken) await lock.release();
    await (await FolderLock.take(folder)).release();
  });

  test('a living process is named, also one that is stopped; what kill -9 leaves is taken over and removed', async () => {
    const child = spawn(process.execPath, ['-e', HOLDER(`console.log('held')`), folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    child.kill('SIGSTOP');
    await expect(FolderLock.take(folder)).rejects.toThrow(`${folder} is in use by process ${child.pid}`);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(readdirSync(folder)).toHaveLength(1);
    const lock = await FolderLock.take(folder);
    expect(readdirSync(folder)).toHaveLength(1);
    await lock.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a thread of this process counts as another owner, and its end frees the folder', async () => {
    const say = `require('node:worker_threads').parentPort.postMessage('held')`;
    const worker = new Worker(HOLDER(say), { eval: true, argv: [folder] });
    await once(worker, 'message');
    await expect(FolderLock.take(folder)).rejects.toThrow('in use by this process');
    await worker.terminate();
    await (await FolderLock.take(folder)).release();
  });

  test('a folder whose path is longer than a socket path can be is locked as well', async () => {
    const deep = join(folder, 'd'.repeat(100), 'e'.repeat(100));
    mkdirSync(deep, { recursive: true });
    const lock = await FolderLock.take(deep);
    await expect(FolderLock.take(deep)).rejects.toMatchObject({ code: 'EBUSY' });
    await lock.release();
    expect(readdirSync(deep)).toEqual([]);
  });

  test('sockets of others are left alone', async () => {
    const other = createServer();
    await new Promise<void>((done) => other.listen(join(folder, 'other.sock'), done));
    await (await FolderLock.take(folder)).release();
    expect(readdirSync(folder)).toEqual(['other.sock']);
    await new Promise((done) => other.close(done));
  });
});
