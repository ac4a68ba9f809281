// Facts about this checkout and the few things every script does with it: run a command, tell whether inputs changed.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The root folder of the checkout. */
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** Where downloads are kept between runs; shared by every data folder of this checkout. */
export const cacheFolder = path.join(root, '.xenorack', 'cache');

/** A failure the user can mend: scripts print its message alone, without a stack, and leave with code 1. */
export class Refusal extends Error {}

const running = new Set();

/** Ends the commands that run now: what asked for them is being stopped. */
export function endCommands() {
  for (const child of running) child.kill('SIGTERM');
}

/**
 * Runs a command to its end.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, quiet?: boolean }} [options] `quiet` keeps the output and shows it only on failure.
 * @returns {Promise<void>} Rejects with a Refusal that names the command when it leaves with another code than 0.
 */
export async function run(command, args, options = {}) {
  const { code, output, errors } = await capture(command, args, options);
  if (code === 0) return;
  if (options.quiet) process.stderr.write(`\n${output}${errors}`);
  throw new Refusal(`\`${[path.basename(command), ...args].join(' ')}\` failed (code ${code}).`);
}

/**
 * Runs a command to its end and gives back its code and, when quiet, what it printed.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, quiet?: boolean }} [options]
 * @returns {Promise<{ code: number, output: string, errors: string }>}
 */
export function capture(command, args, { cwd = root, env = process.env, quiet = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit' });
    running.add(child);
    let output = '';
    let errors = '';
    child.stdout?.on('data', (chunk) => (output += chunk));
    child.stderr?.on('data', (chunk) => (errors += chunk));
    child.on('error', (error) => {
      running.delete(child);
      reject(new Refusal(`\`${command}\` could not be started: ${error.message}.`));
    });
    child.on('close', (code) => {
      running.delete(child);
      resolve({ code: code ?? 1, output, errors });
    });
  });
}

/**
 * Every file below the given files and folders (relative to the root), sorted; build results are left out.
 * @param {string[]} places
 * @returns {string[]} Paths relative to the root.
 */
export function filesBelow(places) {
  const left = new Set(['node_modules', 'dist', '.next', '.xenorack', 'generated', 'next-env.d.ts']);
  const found = [];
  const visit = (relative) => {
    const stat = fs.statSync(path.join(root, relative), { throwIfNoEntry: false });
    if (stat?.isFile()) found.push(relative);
    if (!stat?.isDirectory()) return;
    for (const name of fs.readdirSync(path.join(root, relative))) {
      if (!left.has(name) && !name.endsWith('.tsbuildinfo')) visit(path.join(relative, name));
    }
  };
  places.forEach(visit);
  return found.sort();
}

/**
 * Does the work only when the content of its inputs changed since the last time it succeeded, or its result is gone.
 * @param {{ name: string, inputs: string[], outputs: string[], keep?: (file: string) => boolean }} what
 *   `inputs` are files and folders, `outputs` files that must exist, all relative to the root.
 * @param {() => Promise<void>} work
 * @returns {Promise<boolean>} Whether the work was done.
 */
export async function whenChanged({ name, inputs, outputs, keep = () => true }, work) {
  const hash = crypto.createHash('sha256').update(process.version);
  for (const file of filesBelow(inputs).filter(keep)) {
    hash.update(`\0${file}\0`).update(fs.readFileSync(path.join(root, file)));
  }
  const digest = hash.digest('hex');
  const stamp = path.join(root, '.xenorack', 'stamps', name);
  const fresh = outputs.every((file) => fs.existsSync(path.join(root, file)));
  if (fresh && fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === digest) return false;
  fs.rmSync(stamp, { force: true });
  await work();
  fs.mkdirSync(path.dirname(stamp), { recursive: true });
  fs.writeFileSync(stamp, digest);
  return true;
}

/**
 * Shows one step of a long action: its name at once, its time when it ended.
 * @template T
 * @param {string} title
 * @param {() => Promise<T>} work May return a string that is shown beside the time.
 * @returns {Promise<T>}
 */
export async function step(title, work) {
  const startedMs = Date.now();
  const shown = process.stdout.isTTY;
  if (shown) process.stdout.write(`  ${title} ...`);
  try {
    const result = await work();
    const remark = typeof result === 'string' ? `  ${result}` : '';
    process.stdout.write(
      `${shown ? '\r' : ''}  ${title.padEnd(34)} ${seconds(startedMs).padStart(8)}${remark}\n`,
    );
    return result;
  } catch (error) {
    process.stdout.write(`${shown ? '\r' : ''}  ${title.padEnd(34)}   failed\n`);
    throw error;
  }
}

/** @param {number} startedMs @returns {string} */
function seconds(startedMs) {
  return `${((Date.now() - startedMs) / 1000).toFixed(1)} s`;
}

/**
 * Runs the body of an entry point. A Refusal becomes one line, anything else a stack; both leave with code 1.
 * @param {() => Promise<number | void>} body Its number, when given, is the exit code.
 */
export async function main(body) {
  try {
    process.exitCode = (await body()) ?? 0;
  } catch (error) {
    console.error(error instanceof Refusal ? error.message : error);
    process.exitCode = 1;
  }
}

/** Whether the module at this URL is the one Node was started with. @param {string} url */
export function isEntry(url) {
  return process.argv[1] !== undefined && fs.realpathSync(process.argv[1]) === fileURLToPath(url);
}
