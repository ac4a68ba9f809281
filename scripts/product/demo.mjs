// The demo: seeded once, its addresses and sign-ins kept in demo.json for people and tests.
import path from 'node:path';
import { capture, Refusal, root } from '../checkout.mjs';
import { readJson, writeWhole } from './data-folder.mjs';

/**
 * @typedef {object} Demo
 * @property {string} api_url
 * @property {string} dashboard_url
 * @property {{ email: string, password: string }} operator
 * @property {{ email: string, password: string, api_key: string }} tenant
 */

/**
 * Seeds on the first run of a data folder; afterwards only the addresses are brought up to date.
 * @param {{ folder: string, env: NodeJS.ProcessEnv, addresses: { api_url: string, dashboard_url: string } }} options
 * @returns {Promise<{ demo: Demo, isNew: boolean }>}
 */
export async function seedOnce({ folder, env, addresses }) {
  const file = path.join(folder, 'demo.json');
  const before = readJson(file);
  const isNew = before?.operator === undefined;
  const signIns = isNew ? await seed(env) : { operator: before.operator, tenant: before.tenant };
  const demo = { ...addresses, ...signIns };
  writeWhole(file, `${JSON.stringify(demo, null, 2)}\n`, 0o600);
  return { demo, isNew };
}

async function seed(env) {
  const entry = path.join(root, 'apps', 'api', 'dist', 'seed.js');
  const { code, output, errors } = await capture(process.execPath, [entry], {
    quiet: true,
    env: { ...process.env, ...env },
  });
  const line = output.trim().split('\n').at(-1) ?? '';
  if (code !== 0)
    throw new Refusal(`The demo could not be seeded: ${errors.trim() || line || `code ${code}`}`);
  const { operator, tenant } = JSON.parse(line);
  return { operator, tenant };
}
