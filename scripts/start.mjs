// `npm start`: from whatever state the checkout is in to a running product, and back to nothing on Ctrl-C.
//
// Design: steps in order, each leaving something in `stops` that undoes it. A signal never interrupts a step in the
// middle; it ends a command that runs and makes the next checkpoint throw, so nothing is started that nobody stops.
import './node-version.mjs';
import path from 'node:path';
import { buildDashboard, buildPackages, dashboardServer } from './build.mjs';
import { endCommands, main, Refusal, root, step } from './checkout.mjs';
import { isFree } from './embedded/port.mjs';
import { startPostgres } from './embedded/postgres.mjs';
import { identify, runs, wait } from './embedded/process.mjs';
import { startRedis } from './embedded/redis.mjs';
import { generate } from './generate.mjs';
import { install } from './install.mjs';
import { migrate } from './migrate.mjs';
import { claim, endLeftovers, keptPort, release } from './product/data-folder.mjs';
import { seedOnce } from './product/demo.mjs';
import { checkRedis } from './product/redis-check.mjs';
import { startService, untilReady } from './product/service.mjs';
import { readSettings } from './product/settings.mjs';

class Stopped extends Error {}

const stops = [];
let stopAsked = false;
let askStop;
const stopSignal = new Promise((resolve) => (askStop = resolve));

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stopSoon);

// A signal that ends npm alone never reaches what npm started: it shows by our having another parent.
const startedBy = process.ppid;
if (process.env.npm_lifecycle_event === 'start') {
  setInterval(() => process.ppid !== startedBy && stopSoon(), 500).unref();
}

function stopSoon() {
  stopAsked = true;
  endCommands();
  askStop();
}

function checkpoint() {
  if (stopAsked) throw new Stopped();
}

/** A step with a checkpoint on both sides. */
async function take(title, work) {
  checkpoint();
  try {
    return await step(title, work);
  } finally {
    checkpoint();
  }
}

await main(async () => {
  const startedMs = Date.now();
  try {
    const settings = readSettings();
    claim(settings.dataFolder);
    stops.push(() => release(settings.dataFolder));
    await endLeftovers(settings.dataFolder);
    await checkPorts(settings);
    await prepare(settings);
    const servers = await startServers(settings);
    const { services, demo } = await startProduct(settings, servers);
    announce({ demo, settings, startedMs });
    return await untilStopped(servers, services);
  } catch (error) {
    if (error instanceof Stopped) return 0;
    throw error;
  } finally {
    await stopAll();
  }
});

async function checkPorts({ apiPort, dashboardPort }) {
  for (const [name, port] of [
    ['API_PORT', apiPort],
    ['DASHBOARD_PORT', dashboardPort],
  ]) {
    if (port !== undefined && !(await isFree(port))) {
      throw new Refusal(
        `Port ${port} is busy: stop what listens there or choose another with ${name}=${port + 1} npm start.`,
      );
    }
  }
}

async function prepare({ dashboardPort }) {
  await take('Installing packages', install);
  await take('Generating code', generate);
  await take('Building packages and API', buildPackages);
  if (dashboardPort !== undefined) await take('Building dashboard', buildDashboard);
}

/** @returns {Promise<{ databaseUrl: string, redisUrl: string, embedded: (() => Promise<void>)[] }>} */
async function startServers(settings) {
  const found = { databaseUrl: settings.databaseUrl, redisUrl: settings.redisUrl, embedded: [] };
  if (found.databaseUrl === undefined) {
    const postgres = await take('Starting PostgreSQL', () =>
      embed(found, settings, 'postgres', startPostgres),
    );
    await postgres.ensureDatabase('xenorack');
    found.databaseUrl = postgres.url('xenorack');
  }
  if (found.redisUrl === undefined) {
    found.redisUrl = (await take('Starting Redis', () => embed(found, settings, 'redis', startRedis))).url;
  } else {
    await checkRedis(found.redisUrl);
  }
  await take('Migrating the database', async () => {
    const { applied, total } = await migrate({ databaseUrl: found.databaseUrl });
    return applied.length > 0 ? `${applied.length} applied` : `${total} stand`;
  });
  return found;
}

/** Starts an embedded server and keeps a function that starts it again should it die while we run. */
async function embed(found, { dataFolder }, name, start) {
  const folder = path.join(dataFolder, name);
  let server = await start({ folder, port: await keptPort(dataFolder, name) });
  let identity = identify(server.pid);
  stops.push(() => server.stop());
  found.embedded.push(async () => {
    if (runs(identity) || stopAsked) return;
    console.log(`  ${name} ended unexpectedly; starting it again.`);
    server = await start({ folder, port: server.port });
    identity = identify(server.pid);
  });
  return server;
}

async function startProduct(settings, { databaseUrl, redisUrl }) {
  const { dataFolder, apiPort, dashboardPort, roles } = settings;
  const apiUrl = `http://127.0.0.1:${apiPort}`;
  const dashboardUrl = dashboardPort === undefined ? apiUrl : `http://127.0.0.1:${dashboardPort}`;
  const env = {
    NODE_ENV: 'production',
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    API_PORT: String(apiPort),
    DASHBOARD_URL: dashboardUrl,
    // Ours alone: "off" is no port.
    DASHBOARD_PORT: '',
    XENORACK_DATA: dataFolder,
    XENORACK_ROLES: 'http,jobs,hosts',
  };
  const addresses = { api_url: apiUrl, dashboard_url: dashboardUrl };
  const { demo } = await take('Seeding the demo', () => seedOnce({ folder: dataFolder, env, addresses }));
  const services = [];
  const start = (options) => {
    const service = startService({ folder: dataFolder, ...options });
    stops.push(service.stop);
    services.push(service);
    return service;
  };
  const entry = path.join(root, 'apps', 'api', 'dist', 'main.js');
  await take('Starting the API', async () => {
    for (const group of roles) {
      const name = roles.length === 1 ? 'API' : `API (${group})`;
      const service = start({ name, entry, env: { ...env, XENORACK_ROLES: group } });
      if (group.split(',').includes('http')) await untilReady(service, `${apiUrl}/readyz`, checkpoint);
    }
  });
  if (dashboardPort !== undefined) {
    await take('Starting the dashboard', async () => {
      const dashboardEnv = {
        NODE_ENV: 'production',
        API_URL: apiUrl,
        PORT: String(dashboardPort),
        HOSTNAME: '127.0.0.1',
      };
      const service = start({ name: 'dashboard', entry: dashboardServer(), env: dashboardEnv });
      await untilReady(service, dashboardUrl, checkpoint);
    });
  }
  return { services, demo };
}

function announce({ demo, settings, startedMs }) {
  const lines = [
    '',
    `Xenorack is ready (${((Date.now() - startedMs) / 1000).toFixed(1)} s).`,
    '',
    ...(settings.dashboardPort === undefined ? [] : [`  Dashboard   ${demo.dashboard_url}`]),
    `  API         ${demo.api_url}  (reference: ${demo.api_url}/docs)`,
    '',
    `  Operator    ${demo.operator.email}  ${demo.operator.password}`,
    `  Tenant      ${demo.tenant.email}  ${demo.tenant.password}`,
    `  API key     ${demo.tenant.api_key}`,
    '',
    `  Everything is kept in ${path.relative(process.cwd(), settings.dataFolder) || '.'}. Ctrl-C stops.`,
  ];
  console.log(lines.join('\n'));
}

/** Waits for a signal (code 0) or for a service to end by itself (code 1). */
async function untilStopped({ embedded }, services) {
  const ended = Promise.race(services.map((service) => service.ended));
  let line;
  void ended.then((text) => (line = text));
  while (!stopAsked && line === undefined) {
    for (const revive of embedded) await revive();
    await Promise.race([stopSignal, ended, wait(500)]);
  }
  if (stopAsked) return 0;
  throw new Refusal(`${line}. Everything was stopped; \`npm start\` starts it again.`);
}

async function stopAll() {
  if (stops.length > 1) console.log('Stopping ...');
  for (const stop of stops.reverse()) {
    try {
      await stop();
    } catch (error) {
      console.error(error.message);
      process.exitCode = 1;
    }
  }
  // A timer or socket somewhere must not keep a stopped product in the process list.
  setTimeout(() => process.exit(), 100).unref();
}
