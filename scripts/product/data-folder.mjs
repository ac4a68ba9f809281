// The data folder: one owner at a time, the ports that stay the same, and who was started on it.
//
// Invariants: of two starts on one folder one is told so; what a killed run left running is ended (or, for the embedded
// servers, adopted) and never mistaken for a process that merely has the same number.
import fs from 'node:fs';
import path from 'node:path';
import { Refusal } from '../checkout.mjs';
import { freePort, isFree } from '../embedded/port.mjs';
import { end, identify, runs } from '../embedded/process.mjs';

/** Takes the folder for this process. @param {string} folder @throws {Refusal} when another one has it. */
export function claim(folder) {
  try {
    fs.mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new Refusal(
      `The data folder ${folder} cannot be made (${error.code}): set XENORACK_DATA to a folder you may write to.`,
    );
  }
  const lock = path.join(folder, 'lock');
  const mine = `${lock}.${process.pid}`;
  try {
    fs.writeFileSync(mine, JSON.stringify(identify(process.pid)));
  } catch (error) {
    throw new Refusal(
      `The data folder ${folder} cannot be written to (${error.code}): set XENORACK_DATA to a folder of your own.`,
    );
  }
  try {
    if (takeLock(mine, lock)) return;
    const owner = readJson(lock);
    if (runs(owner))
      throw new Refusal(
        `Xenorack already runs on ${folder} (process ${owner.pid}): stop it first or set XENORACK_DATA to another folder.`,
      );
    // A killed owner's lock: moved away under our own name, so that of two starts only one moves it.
    fs.renameSync(lock, `${mine}.stale`);
    const isStale = !runs(readJson(`${mine}.stale`));
    if (!isStale || !takeLock(mine, lock))
      throw new Refusal(`Xenorack is being started on ${folder} by another process.`);
  } finally {
    fs.rmSync(mine, { force: true });
    fs.rmSync(`${mine}.stale`, { force: true });
  }
}

/** A link is made whole or not at all, and only when nobody has the name. */
function takeLock(mine, lock) {
  try {
    fs.linkSync(mine, lock);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** @param {string} folder */
export function release(folder) {
  const lock = path.join(folder, 'lock');
  if (readJson(lock)?.pid === process.pid) fs.rmSync(lock, { force: true });
}

/** Ends the services a killed run left behind. @param {string} folder @returns {Promise<number>} How many there were. */
export async function endLeftovers(folder) {
  const left = Object.values(readServices(folder)).filter(runs);
  await Promise.all(left.map((identity) => end(identity)));
  fs.rmSync(servicesFile(folder), { force: true });
  return left.length;
}

/**
 * Notes a service, so that a later start can end it when we cannot.
 * @param {string} folder
 * @param {string} name
 * @param {import('../embedded/process.mjs').ProcessIdentity | undefined} identity undefined: it has ended.
 */
export function recordService(folder, name, identity) {
  const services = { ...readServices(folder), [name]: identity };
  writeWhole(servicesFile(folder), JSON.stringify(services, null, 2));
}

/** @param {string} folder @returns {Record<string, import('../embedded/process.mjs').ProcessIdentity>} */
export function readServices(folder) {
  return readJson(servicesFile(folder)) ?? {};
}

function servicesFile(folder) {
  return path.join(folder, 'services.json');
}

/**
 * The ports of the embedded servers: chosen once, kept while nobody else takes them.
 * @param {string} folder
 * @param {string} name
 * @returns {Promise<number>}
 */
export async function keptPort(folder, name) {
  const file = path.join(folder, 'ports.json');
  const ports = readJson(file) ?? {};
  if (ports[name] && (await isFree(ports[name]))) return ports[name];
  ports[name] = await freePort();
  writeWhole(file, JSON.stringify(ports, null, 2));
  return ports[name];
}

/** Replaces a file in one step. @param {string} file @param {string} text @param {number} [mode] */
export function writeWhole(file, text, mode = 0o644) {
  const next = `${file}.${process.pid}`;
  fs.rmSync(next, { force: true });
  fs.writeFileSync(next, text, { mode });
  fs.renameSync(next, file);
}

/** @param {string} file @returns {any} undefined when it is missing or broken. */
export function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
