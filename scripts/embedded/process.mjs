// Processes that outlive the one that started them: they are known by their id together with their start time,
// because ids are used again.
import fs from 'node:fs';
import path from 'node:path';
import { execFileSync } from 'node:child_process';

/** @typedef {{ pid: number, started: string }} ProcessIdentity `started` is opaque; equal text means the same process. */

/**
 * @param {number} pid
 * @returns {ProcessIdentity | undefined} undefined when no such process runs (a zombie does not run).
 */
export function identify(pid) {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  const started = process.platform === 'linux' ? startedByProc(pid) : startedByPs(pid);
  return started === undefined ? undefined : { pid, started };
}

function startedByProc(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command in parentheses may hold spaces and parentheses itself: the fields count from the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return `${fields[19]}@${fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}`;
  } catch {
    return undefined;
  }
}

function startedByPs(pid) {
  try {
    const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return line === '' || line.startsWith('Z') ? undefined : line.slice(line.indexOf(' ')).trim();
  } catch {
    return undefined;
  }
}

/** Whether exactly this process still runs. @param {ProcessIdentity | undefined} identity */
export function runs(identity) {
  return identity !== undefined && identify(identity.pid)?.started === identity.started;
}

/** The program and arguments of a process, '' when unknown. @param {number} pid */
export function commandLine(pid) {
  try {
    if (process.platform === 'linux')
      return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch {
    return '';
  }
}

/** @param {number} ms */
export function wait(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Asks until the answer is true.
 * @param {() => boolean | Promise<boolean>} ask
 * @param {number} timeoutMs
 * @param {number} [everyMs]
 * @returns {Promise<boolean>} false when the time ran out.
 */
export async function until(ask, timeoutMs, everyMs = 20) {
  const deadlineMs = Date.now() + timeoutMs;
  while (!(await ask())) {
    if (Date.now() >= deadlineMs) return false;
    await wait(everyMs);
  }
  return true;
}

/**
 * Ends a process: asks with the signal, insists with SIGKILL when it has not left in time.
 * @param {ProcessIdentity | undefined} identity
 * @param {{ signal?: NodeJS.Signals, timeoutMs?: number }} [options]
 * @returns {Promise<void>} Resolves when it is gone.
 */
export async function end(identity, { signal = 'SIGTERM', timeoutMs = 15_000 } = {}) {
  if (!runs(identity)) return;
  send(identity, signal);
  if (await until(() => !runs(identity), timeoutMs)) return;
  send(identity, 'SIGKILL');
  await until(() => !runs(identity), 5_000);
}

function send(identity, signal) {
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/** @param {string} name @returns {string | undefined} The full path of a program on PATH. */
export function findOnPath(name) {
  for (const folder of (process.env.PATH ?? '').split(path.delimiter)) {
    const file = path.join(folder, name);
    try {
      fs.accessSync(file, fs.constants.X_OK);
      return file;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}
