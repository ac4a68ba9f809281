// Redis from the distribution's own packages, without root: on Debian and Ubuntu the package list is fetched into a
// folder of ours, the packages are downloaded and unpacked there, and nothing on the system changes.
import fs from 'node:fs';
import path from 'node:path';
import { capture } from '../checkout.mjs';
import { findOnPath } from './process.mjs';

/**
 * @param {string} cacheFolder
 * @returns {Promise<{ command: string, env: NodeJS.ProcessEnv } | undefined>} undefined where that is not possible.
 */
export async function redisFromPackages(cacheFolder) {
  const home = path.join(cacheFolder, 'redis');
  if (!fs.existsSync(path.join(home, 'root'))) {
    if (!['apt-get', 'dpkg-deb'].every(findOnPath)) return undefined;
    if (!(await unpack(home))) return undefined;
  }
  const command = path.join(home, 'root', 'usr', 'bin', 'redis-server');
  if (!fs.existsSync(command)) return undefined;
  return { command, env: { LD_LIBRARY_PATH: libraryFolders(path.join(home, 'root')).join(':') } };
}

async function unpack(home) {
  const work = `${home}.${process.pid}`;
  const archives = path.join(work, 'archives');
  for (const place of ['lists/partial', 'cache/archives/partial', 'archives', 'root']) {
    fs.mkdirSync(path.join(work, place), { recursive: true });
  }
  const apt = (args) => capture('apt-get', [...aptOptions(work), ...args], { cwd: archives, quiet: true });
  try {
    if ((await apt(['update', '-qq'])).code !== 0) return false;
    const plan = await apt(['install', '-y', '-s', '--no-install-recommends', 'redis-server']);
    const names = plan.output
      .split('\n')
      .filter((line) => line.startsWith('Inst '))
      .map((line) => line.split(' ')[1]);
    if (plan.code !== 0 || names.length === 0 || (await apt(['download', ...names])).code !== 0) return false;
    for (const archive of fs.readdirSync(archives)) {
      const { code } = await capture(
        'dpkg-deb',
        ['-x', path.join(archives, archive), path.join(work, 'root')],
        { quiet: true },
      );
      if (code !== 0) return false;
    }
    fs.mkdirSync(home, { recursive: true });
    // Renamed when complete, so an interrupted download is never used; another start may have been quicker.
    if (!fs.existsSync(path.join(home, 'root')))
      fs.renameSync(path.join(work, 'root'), path.join(home, 'root'));
    return true;
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

function aptOptions(work) {
  const settings = {
    'Dir::State::lists': path.join(work, 'lists'),
    'Dir::Cache': path.join(work, 'cache'),
    'Debug::NoLocking': '1',
    'APT::Sandbox::User': '',
    'Acquire::Languages': 'none',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

function libraryFolders(place) {
  const found = new Set();
  for (const entry of fs.readdirSync(place, { recursive: true, withFileTypes: true })) {
    if (/\.so(\.|$)/.test(entry.name)) found.add(entry.parentPath ?? entry.path);
  }
  return [...found];
}
