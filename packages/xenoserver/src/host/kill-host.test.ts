import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { HostEvent } from '../control.js';
import { ControlPlane, DOMAIN, RUNNING_ITEM, VOLUME } from './control-plane.fixture.js';

/** A process that runs one host in a worker thread and speaks its protocol in lines of JSON. */
const HOST_PROCESS = `
import { createInterface } from 'node:readline';
import { startXenoServer } from '@xenorack/xenoserver';
const link = await startXenoServer(JSON.parse(process.argv[1]));
link.onEvent((event) => process.stdout.write(JSON.stringify(event) + '\\n'));
createInterface({ input: process.stdin }).on('line', (line) => link.send(JSON.parse(line)));
`;

let dataDir: string;
let children: ChildProcess[];
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'xenoserver-kill-'));
  children = [];
});
afterEach(async () => {
  for (const child of children) await kill(child);
  rmSync(dataDir, { recursive: true });
});

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function startProcess(plane: ControlPlane): Promise<ChildProcess> {
  const options = {
    hostId: 'host_1',
    dataDir,
    pcpus: 2,
    frames: 65_536,
    controlPublicKey: plane.publicKey,
    portRange: { first: 23_500, last: 23_599 },
  };
  const boots = plane.all('booted').length;
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', HOST_PROCESS, JSON.stringify(options)],
    {
      cwd: new URL('../..', import.meta.url),
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  children.push(child);
  createInterface({ input: child.stdout! }).on('line', (line) =>
    plane.receive(JSON.parse(line) as HostEvent),
  );
  plane.send = (command) =>
    void (child.stdin!.writable && child.stdin!.write(`${JSON.stringify(command)}\n`));
  await plane.until(() => plane.all('booted').length > boots);
  return child;
}

describe('kill -9 in the middle of metering', () => {
  test('the journal is sent again, chains hold over the restart and nothing is counted twice', async () => {
    const plane = new ControlPlane();
    plane.acknowledges = false;
    const first = await startProcess(plane);
    await plane.must({ type: 'create-volume', volume: VOLUME });
    const built = await plane.must({ type: 'build-domain', domain: DOMAIN });
    await plane.must({ type: 'set-lease', lease: plane.lease({ items: [RUNNING_ITEM] }) });
    await plane.must({ type: 'start-domain', domainId: 'dom_1' });
    await plane.until(
      () => plane.readingsOf('dom_1').filter((reading) => reading.kind === 'inner').length >= 2,
    );
    await kill(first);
    const seen = [...plane.stored.values()].flat().length;
    const seenBatches = plane.all('readings').length;

    await startProcess(plane);
    const booted = plane.last('booted');
    expect(booted.epoch).toBe(2);
    expect(booted.domains).toMatchObject([
      { domainId: 'dom_1', state: 'paused', pauseCauses: ['allowance'] },
    ]);
    expect(booted.domains[0]!.publishedPorts).toEqual(built.domain!.publishedPorts);
    await plane.until(
      () => plane.all('readings').filter(({ batch }) => batch.epoch === 1).length >= 2 * seenBatches,
    );
    expect(plane.repeated).toBeGreaterThanOrEqual(seen);
    expect(plane.alarms).toEqual([]);
    const lastOfFirst = plane.stored.get('host_1/1/2')!.at(-1)!;
    expect(lastOfFirst.resourceId).toBe('dom_1');
    expect(lastOfFirst.kind).not.toBe('close');

    await plane.must({ type: 'set-lease', lease: plane.lease({ items: [RUNNING_ITEM] }) });
    await plane.until(() =>
      plane.readingsOf('dom_1').some((reading) => reading.incarnation.startsWith('host_1/2/')),
    );
    const reopened = plane
      .readingsOf('dom_1')
      .find((reading) => reading.incarnation.startsWith('host_1/2/'))!;
    const lastDurable = plane.stored.get('host_1/1/2')!.at(-1)!;
    expect(reopened).toMatchObject({ seq: 0, kind: 'open', prev: lastDurable.hash });
    expect(reopened.values.every((value) => value === '0')).toBe(true);
    expect(BigInt(reopened.utcNs)).toBeGreaterThan(BigInt(lastDurable.utcNs));
    expect(plane.alarms).toEqual([]);
  });
});
