import { describe, expect, test } from '@jest/globals';
import type { Command, DomainConfig } from '../control.js';
import { checkCommand } from './check-command.js';
import { SerialQueue } from './serial-queue.js';

const DOMAIN: DomainConfig = {
  domainId: 'dom_1',
  tenantId: 'ten_1',
  name: 'shop',
  image: 'web',
  vcpus: 2,
  weight: 256,
  cap: 150,
  memoryFrames: 1024,
  volumeIds: ['vol_1'],
  publishedPorts: [{ guestPort: 80, hostPort: null }],
};

const build = (change: Record<string, unknown>): unknown => ({
  operationId: 'op',
  type: 'build-domain',
  domain: { ...DOMAIN, ...change },
});

describe('checkCommand', () => {
  test('well-formed commands pass', () => {
    const commands: Command[] = [
      { operationId: 'a', type: 'build-domain', domain: DOMAIN },
      { operationId: 'b', type: 'create-volume', volume: { volumeId: 'v', tenantId: 't', bytes: 1 << 20 } },
      { operationId: 'c', type: 'pause-domain', domainId: 'd', cause: 'billing' },
      { operationId: 'd', type: 'shutdown-domain', domainId: 'd', timeoutMs: 0 },
      { operationId: 'e', type: 'cut', resourceIds: null, reason: 'price' },
      { operationId: 'f', type: 'set-lease', lease: { body: '{}', signature: 'x' } },
      { operationId: 'g', type: 'acknowledge', epoch: 1, batch: 0 },
    ];
    expect(commands.map(checkCommand)).toEqual(commands.map(() => null));
  });

  test.each<[string, unknown]>([
    ['command', null],
    ['command', []],
    ['operationId', { type: 'cut', resourceIds: null, reason: 'x' }],
    ['operationId', { operationId: 'x'.repeat(129), type: 'cut', resourceIds: null, reason: 'x' }],
    ['type', { operationId: 'op', type: 'constructor' }],
    ['type', { operationId: 'op', type: 7 }],
    ['domain', { operationId: 'op', type: 'build-domain' }],
    ['domain.domainId', build({ domainId: '../../etc/passwd' })],
    ['domain.domainId', build({ domainId: '' })],
    ['domain.tenantId', build({ tenantId: 'a'.repeat(65) })],
    ['domain.vcpus', build({ vcpus: 33 })],
    ['domain.weight', build({ weight: 0 })],
    ['domain.cap', build({ cap: 201 })],
    ['domain.cap', build({ cap: Number.NaN })],
    ['domain.memoryFrames', build({ memoryFrames: 1.5 })],
    ['domain.volumeIds', build({ volumeIds: Array.from({ length: 17 }, (_, at) => `v${at}`) })],
    ['domain.volumeIds', build({ volumeIds: ['v', 'v'] })],
    ['domain.volumeIds[0]', build({ volumeIds: ['a/b'] })],
    ['domain.publishedPorts[0].guestPort', build({ publishedPorts: [{ guestPort: 0, hostPort: null }] })],
    ['domain.publishedPorts[0].hostPort', build({ publishedPorts: [{ guestPort: 80, hostPort: 65536 }] })],
    [
      'volume.bytes',
      { operationId: 'op', type: 'create-volume', volume: { volumeId: 'v', tenantId: 't', bytes: 5000 } },
    ],
    ['cause', { operationId: 'op', type: 'pause-domain', domainId: 'd', cause: 'allowance' }],
    ['timeoutMs', { operationId: 'op', type: 'shutdown-domain', domainId: 'd', timeoutMs: -1 }],
    ['resourceIds', { operationId: 'op', type: 'cut', resourceIds: 'all', reason: 'x' }],
    ['batch', { operationId: 'op', type: 'acknowledge', epoch: 1, batch: -1 }],
  ])('a bad %s is EINVAL naming it', (field, message) => {
    const error = checkCommand(message);
    expect(error?.code).toBe('EINVAL');
    expect(error?.detail.startsWith(`${field} `)).toBe(true);
  });
});

describe('SerialQueue', () => {
  test('tasks of one key run in order, and a failed one does not stop the next', async () => {
    const queue = new SerialQueue();
    const log: string[] = [];
    let release = (): void => undefined;
    const gate = new Promise<void>((done) => (release = done));
    const first = queue.add(['a'], async () => {
      await gate;
      log.push('first');
      throw new Error('failed');
    });
    const second = queue.add(['a', 'b'], async () => void log.push('second'));
    const third = queue.add(['b'], async () => void log.push('third'));
    const other = queue.add(['c'], async () => void log.push('other'));
    await other;
    expect(log).toEqual(['other']);
    release();
    await expect(first).rejects.toThrow('failed');
    await Promise.all([second, third]);
    expect(log).toEqual(['other', 'first', 'second', 'third']);
    expect(queue.length).toBe(0);
  });
});
