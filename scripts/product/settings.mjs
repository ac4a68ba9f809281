// What the environment says about how to start. Variables may also stand in a `.env` file at the root.
import fs from 'node:fs';
import path from 'node:path';
import { Refusal, root } from '../checkout.mjs';

/**
 * @typedef {object} Settings
 * @property {string} dataFolder Absolute; everything that is kept lies below it.
 * @property {number} apiPort
 * @property {number | undefined} dashboardPort undefined: no dashboard is started.
 * @property {string | undefined} databaseUrl undefined: the embedded PostgreSQL.
 * @property {string | undefined} redisUrl undefined: the embedded Redis.
 * @property {string[]} roles One API process for each; each holds roles separated by commas.
 */

/** @param {NodeJS.ProcessEnv} [env] @returns {Settings} @throws {Refusal} naming the variable and what it should be. */
export function readSettings(env = { ...readEnvFile(), ...process.env }) {
  const hasDashboard = env.DASHBOARD_PORT !== 'off';
  const settings = {
    dataFolder: path.resolve(root, env.XENORACK_DATA || '.xenorack'),
    apiPort: port(env, 'API_PORT', 4000),
    dashboardPort: hasDashboard ? port(env, 'DASHBOARD_PORT', 3000) : undefined,
    databaseUrl: address(env, 'DATABASE_URL', ['postgres:', 'postgresql:']),
    redisUrl: address(env, 'REDIS_URL', ['redis:', 'rediss:']),
    roles: readRoles(env.XENORACK_ROLES || 'http,jobs,hosts'),
  };
  if (settings.apiPort === settings.dashboardPort) {
    throw new Refusal(`API_PORT and DASHBOARD_PORT are both ${settings.apiPort}: give them different ports.`);
  }
  return settings;
}

function port(env, name, usual) {
  const text = env[name] || String(usual);
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= 65535) return value;
  throw new Refusal(`${name} is "${text}": it must be a port number from 1 to 65535.`);
}

function address(env, name, protocols) {
  if (!env[name]) return undefined;
  if (URL.canParse(env[name]) && protocols.includes(new URL(env[name]).protocol)) return env[name];
  throw new Refusal(
    `${name} must be a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}.`,
  );
}

function readRoles(text) {
  const groups = text.split(';').map((group) =>
    group
      .split(',')
      .map((role) => role.trim())
      .filter(Boolean),
  );
  const unknown = groups.flat().find((role) => !['http', 'jobs', 'hosts'].includes(role));
  if (unknown !== undefined || groups.some((group) => group.length === 0)) {
    throw new Refusal(
      `XENORACK_ROLES is "${text}": name http, jobs, hosts, separated by commas (one process) or semicolons (several).`,
    );
  }
  return groups.map((group) => group.join(','));
}

/** Lines of NAME=value; # begins a comment line. What the real environment says comes first. */
function readEnvFile() {
  const file = path.join(root, '.env');
  if (!fs.existsSync(file)) return {};
  const lines = fs.readFileSync(file, 'utf8').split('\n');
  const pairs = lines
    .map((line) => /^\s*([A-Z][A-Z0-9_]*)\s*=\s*(.*?)\s*$/.exec(line))
    .filter((match) => match !== null);
  return Object.fromEntries(pairs.map(([, name, value]) => [name, value.replace(/^(["'])(.*)\1$/, '$2')]));
}
