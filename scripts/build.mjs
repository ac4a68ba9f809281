// Builds the packages and the API with the TypeScript compiler and the dashboard with Next; skips what did not change.
import './node-version.mjs';
import fs from 'node:fs';
import path from 'node:path';
import { filesBelow, isEntry, main, Refusal, root, run, whenChanged } from './checkout.mjs';
import { generate } from './generate.mjs';
import { install } from './install.mjs';

const dashboard = path.join(root, 'apps', 'dashboard');

/** Builds packages and API. @returns {Promise<string>} */
export async function buildPackages() {
  const inputs = [
    'packages',
    'apps/api',
    'tsconfig.json',
    'tsconfig.base.json',
    'package-lock.json',
    'prisma',
  ];
  const built = await whenChanged(
    { name: 'packages', inputs, outputs: packageOutputs(), keep: (file) => !file.endsWith('.test.ts') },
    () => run(process.execPath, ['node_modules/typescript/bin/tsc', '-b'], { quiet: true }),
  );
  return built ? 'built' : 'up to date';
}

/** The front door of every workspace that has one: when it is gone, the build is not fresh. */
function packageOutputs() {
  const sources = filesBelow(['packages', 'apps/api/src']).filter((file) =>
    /src\/(index|main)\.ts$/.test(file),
  );
  return sources.map((file) =>
    file.replace(`${path.sep}src${path.sep}`, `${path.sep}dist${path.sep}`).replace(/ts$/, 'js'),
  );
}

/** Builds the dashboard's standalone server. @returns {Promise<string>} */
export async function buildDashboard() {
  if (!fs.existsSync(path.join(dashboard, 'package.json'))) throw new Refusal('apps/dashboard is missing.');
  const built = await whenChanged(
    {
      name: 'dashboard',
      inputs: ['apps/dashboard', 'package-lock.json'],
      outputs: ['apps/dashboard/.next/BUILD_ID'],
    },
    async () => {
      const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' };
      await run(process.execPath, [path.join(root, 'node_modules/next/dist/bin/next'), 'build'], {
        cwd: dashboard,
        env,
        quiet: true,
      });
      placeStaticFiles();
    },
  );
  return built ? 'built' : 'up to date';
}

/** The standalone output leaves the static files behind; its server looks for them beside itself. */
function placeStaticFiles() {
  const target = path.dirname(dashboardServer());
  fs.cpSync(path.join(dashboard, '.next', 'static'), path.join(target, '.next', 'static'), {
    recursive: true,
  });
  const assets = path.join(dashboard, 'public');
  if (fs.existsSync(assets)) fs.cpSync(assets, path.join(target, 'public'), { recursive: true });
}

/** @returns {string} The entry of the built dashboard server. */
export function dashboardServer() {
  const standalone = path.join(dashboard, '.next', 'standalone');
  const candidates = [
    path.join(standalone, 'apps', 'dashboard', 'server.js'),
    path.join(standalone, 'server.js'),
  ];
  const found = candidates.find((file) => fs.existsSync(file));
  if (!found)
    throw new Refusal(
      'The dashboard has no standalone server: set `output: "standalone"` in apps/dashboard/next.config.',
    );
  return found;
}

if (isEntry(import.meta.url)) {
  await main(async () => {
    if (process.argv.includes('--install')) console.log('install:', await install());
    console.log('generate:', await generate());
    console.log('packages:', await buildPackages());
    console.log('dashboard:', await buildDashboard());
  });
}
