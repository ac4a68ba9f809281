// Installs the dependencies when they are missing or the lock file changed. Uses only what Node itself brings.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { root, run } from './checkout.mjs';

const lockFile = path.join(root, 'package-lock.json');
const installedLock = path.join(root, 'node_modules', '.package-lock.json');
const stamp = path.join(root, 'node_modules', '.xenorack-installed');

/**
 * @returns {Promise<string>} 'up to date' or 'installed'.
 */
export async function install() {
  const digest = crypto.createHash('sha256').update(fs.readFileSync(lockFile)).digest('hex');
  if (isCurrent(digest)) return 'up to date';
  const npm = process.env.npm_execpath;
  const command = npm?.endsWith('.js') ? process.execPath : 'npm';
  const args = command === process.execPath ? [npm, 'ci'] : ['ci'];
  // The variables of an outer `npm start` would configure the inner npm; only its registry settings are wanted.
  await run(command, [...args, '--no-fund', '--no-audit', '--loglevel=error'], { quiet: true });
  fs.writeFileSync(stamp, digest);
  return 'installed';
}

/** A developer's own `npm install` counts too: it leaves a lock file in node_modules newer than the project's. */
function isCurrent(digest) {
  const installed = fs.statSync(installedLock, { throwIfNoEntry: false });
  if (!installed) return false;
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === digest) return true;
  return installed.mtimeMs >= fs.statSync(lockFile).mtimeMs;
}
