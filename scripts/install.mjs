// Installs the dependencies when they are missing or the lock file changed. Uses only what Node itself brings.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { capture, Refusal, root } from './checkout.mjs';

const modules = path.join(root, 'node_modules');
const lockFile = path.join(root, 'package-lock.json');
const installedLock = path.join(modules, '.package-lock.json');
const stamp = path.join(modules, '.xenorack-installed');

/** @returns {Promise<string>} 'up to date' or 'installed'. @throws {Refusal} with npm's own words. */
export async function install() {
  const digest = crypto.createHash('sha256').update(fs.readFileSync(lockFile)).digest('hex');
  if (isCurrent(digest)) return 'up to date';
  // npm empties node_modules first, and a link would lead it into the folder of another checkout.
  if (fs.lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink()) {
    throw new Refusal(
      `node_modules is a link to ${fs.realpathSync(modules)}, whose content npm would remove: delete the link and start again.`,
    );
  }
  await npmInstall();
  fs.writeFileSync(stamp, digest);
  return 'installed';
}

/** A developer's own `npm install` counts too: it leaves a lock file in node_modules newer than the project's. */
function isCurrent(digest) {
  const installed = fs.statSync(installedLock, { throwIfNoEntry: false });
  if (!installed) return false;
  return readStamp() === digest || installed.mtimeMs >= fs.statSync(lockFile).mtimeMs;
}

function readStamp() {
  return fs.existsSync(stamp) ? fs.readFileSync(stamp, 'utf8') : undefined;
}

async function npmInstall() {
  // The build needs what npm calls dev packages, also where NODE_ENV says production.
  const quiet = ['--include=dev', '--no-fund', '--no-audit', '--loglevel=error'];
  const clean = await npm(['ci', ...quiet]);
  if (clean.code === 0) return;
  // npm refuses a lock file that lacks optional packages of other platforms; `install` takes its versions all the same,
  // and without saving it leaves the lock file as it is.
  const isLockRefused = clean.errors.includes('EUSAGE');
  const { code, errors } = isLockRefused ? await npm(['install', '--no-save', ...quiet]) : clean;
  if (code !== 0) throw new Refusal(`npm could not install the packages:\n${errors.trim()}`);
}

function npm(args) {
  const script = process.env.npm_execpath;
  const isScript = script?.endsWith('npm-cli.js');
  return capture(isScript ? process.execPath : 'npm', isScript ? [script, ...args] : args, { quiet: true });
}
