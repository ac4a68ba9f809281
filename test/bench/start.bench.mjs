// How long a newcomer waits, and what the product costs when nobody uses it.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { root } from '../../scripts/checkout.mjs';
import { identify } from '../../scripts/embedded/process.mjs';
import { timed } from './measure.mjs';

export async function* figures({ isSmall, startStack }) {
  if (!isSmall) yield await coldStart(startStack);
  const stack = await startStack({ ownServers: true, dashboard: !isSmall });
  try {
    await stack.stop();
    const { ms } = await timed(() => stack.restart());
    yield { name: 'start.warm_s', value: ms / 1000, unit: 's', goal: 20, better: 'lower' };
    const { bytes, processes } = residentBytes(stack);
    const value = bytes / 1024 / 1024;
    yield { name: 'start.idle_mib', value, unit: 'MiB', goal: 1536, better: 'lower', detail: { processes } };
  } finally {
    await stack.dispose();
  }
}

/** A clone of what is committed, started with npm's cache as it is. */
async function coldStart(startStack) {
  const clone = fs.mkdtempSync(path.join(os.tmpdir(), 'xenorack-cold-'));
  execFileSync('git', ['clone', '--quiet', root, clone]);
  try {
    const { ms, result } = await timed(() =>
      startStack({ ownServers: true, dashboard: true, checkout: clone }),
    );
    await result.dispose();
    return { name: 'start.cold_s', value: ms / 1000, unit: 's', goal: 240, better: 'lower' };
  } finally {
    fs.rmSync(clone, { recursive: true, force: true });
  }
}

/** The proportional share of every process of the product: shared pages are counted once. */
function residentBytes(stack) {
  const servers = ['postgres/data/postmaster.pid', 'redis/redis.pid'].map((file) =>
    Number.parseInt(fs.readFileSync(path.join(stack.dataFolder, file), 'utf8'), 10),
  );
  const heads = [stack.pid(), ...Object.values(stack.services()).map(({ pid }) => pid), ...servers];
  const all = new Set(heads);
  const parents = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name) && identify(Number(name)));
  for (let before = -1; before !== all.size;) {
    before = all.size;
    for (const pid of parents) if (all.has(parentOf(pid))) all.add(Number(pid));
  }
  const bytes = [...all].map(proportionalBytes).reduce((sum, part) => sum + part, 0);
  return { bytes, processes: all.size };
}

function parentOf(pid) {
  const status = readProc(`/proc/${pid}/status`);
  return Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]);
}

function proportionalBytes(pid) {
  return Number(/^Pss:\s+(\d+) kB/m.exec(readProc(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) * 1024;
}

/** '' when the process has ended meanwhile. */
function readProc(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
