// A service: one of our own programs run as a process with a log file, waited for until it is ready.
import fs from 'node:fs';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { Refusal } from '../checkout.mjs';
import { end, identify, wait } from '../embedded/process.mjs';
import { recordService } from './data-folder.mjs';

const logBytesMax = 8 * 1024 * 1024;
const readyTimeoutMs = 120_000;

/**
 * @typedef {object} Service
 * @property {string} name
 * @property {number} pid
 * @property {Promise<string>} ended Resolves with a line about why it ended.
 * @property {() => Promise<void>} stop
 */

/**
 * Starts a Node program. It gets a session of its own: Ctrl-C is ours, and it is stopped in its turn.
 * @param {{ name: string, folder: string, entry: string, env: NodeJS.ProcessEnv }} options
 * @returns {Service}
 */
export function startService({ name, folder, entry, env }) {
  const log = path.join(folder, 'logs', `${name}.log`);
  fs.mkdirSync(path.dirname(log), { recursive: true });
  if ((fs.statSync(log, { throwIfNoEntry: false })?.size ?? 0) > logBytesMax) fs.renameSync(log, `${log}.1`);
  const start = fs.statSync(log, { throwIfNoEntry: false })?.size ?? 0;
  const descriptor = fs.openSync(log, 'a', 0o600);
  const child = spawn(process.execPath, ['--enable-source-maps', entry], {
    cwd: path.dirname(entry),
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', descriptor, descriptor],
  });
  fs.closeSync(descriptor);
  const identity = identify(child.pid ?? -1);
  recordService(folder, name, identity);
  const ended = new Promise((resolve) => {
    child.once('error', (error) => resolve(`The ${name} could not be started: ${error.message}`));
    child.once('exit', (code, signal) =>
      resolve(endLine({ name, log, start, how: signal ?? `code ${code}` })),
    );
  });
  return {
    name,
    pid: child.pid ?? -1,
    ended,
    stop: async () => {
      await end(identity, { timeoutMs: 30_000 });
      recordService(folder, name, undefined);
    },
  };
}

/** Why a service ended: its own last words when it left some for people, otherwise where its log is. */
function endLine({ name, log, start, how }) {
  const lines = fs.readFileSync(log).subarray(start).toString().trim().split('\n');
  const words = lines.at(-1) ?? '';
  return words === '' || words.startsWith('{') || /^\s/.test(words)
    ? `The ${name} ended with ${how}: see ${log}`
    : `The ${name} ended with ${how}: ${words} (log: ${log})`;
}

/**
 * Asks a URL until it answers with success.
 * @param {Service} service
 * @param {string} url
 * @param {() => void} checkpoint Throws when the wait should be given up.
 * @throws {Refusal} when the service ends first or does not get ready in time.
 */
export async function untilReady(service, url, checkpoint) {
  const deadlineMs = Date.now() + readyTimeoutMs;
  let end;
  void service.ended.then((line) => (end = line));
  let answer = 'no answer';
  while (Date.now() < deadlineMs) {
    checkpoint();
    if (end !== undefined) throw new Refusal(end);
    try {
      const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(10_000) });
      const text = await response.text();
      if (response.status < 400) return;
      answer = `${response.status} ${text.slice(0, 300)}`;
    } catch (error) {
      answer = error.cause?.code ?? error.message;
    }
    await wait(50);
  }
  throw new Refusal(`The ${service.name} was not ready in ${readyTimeoutMs / 1000} s (${url}: ${answer}).`);
}
