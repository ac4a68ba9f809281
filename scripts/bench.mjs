// `npm run bench [-- <area> ...] [--json] [--small]`: runs test/bench/<area>.bench.mjs and prints their figures.
import './node-version.mjs';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildDashboard, buildPackages } from './build.mjs';
import { main, Refusal, root } from './checkout.mjs';
import { generate } from './generate.mjs';
import { install } from './install.mjs';

const folder = path.join(root, 'test', 'bench');
const units = ['ratio', 'ns', 'us', 'ms', 's', '1/s', 'B', 'KiB', 'MiB', 'count'];

/**
 * @typedef {object} Figure
 * @property {string} name `<area>.<what>`
 * @property {number} value
 * @property {string} unit
 * @property {string} [baseline] What the value is divided by.
 * @property {number} [goal]
 * @property {'lower' | 'higher'} [better]
 * @property {Record<string, unknown>} [detail]
 */

await main(async () => {
  const { areas, isJson, isSmall } = readArguments(process.argv.slice(2));
  await install();
  await generate();
  await buildPackages();
  if (!isSmall && areas.some((area) => ['dashboard', 'start'].includes(area))) await buildDashboard();
  const context = await benchContext(isSmall);
  let broken = 0;
  try {
    for (const area of areas) {
      if (!isJson) console.log(`\n${area}${isSmall ? ' (small)' : ''}`);
      broken += await runArea(area, context, isJson ? printJson : printRow);
    }
  } finally {
    await context.stop();
  }
  return broken === 0 ? 0 : 1;
});

function readArguments(args) {
  const known = fs
    .readdirSync(folder)
    .filter((name) => name.endsWith('.bench.mjs'))
    .map((name) => name.replace('.bench.mjs', ''));
  const flags = args.filter((arg) => arg.startsWith('--'));
  const asked = args.filter((arg) => !arg.startsWith('--'));
  const unknownFlag = flags.find((flag) => !['--json', '--small'].includes(flag));
  if (unknownFlag) throw new Refusal(`Unknown option ${unknownFlag}: there are --json and --small.`);
  const unknown = asked.find((area) => !known.includes(area));
  if (unknown) throw new Refusal(`There is no bench "${unknown}": there are ${known.join(', ')}.`);
  return {
    areas: asked.length > 0 ? asked : known,
    isJson: flags.includes('--json'),
    isSmall: flags.includes('--small'),
  };
}

/** What a bench may ask for. The servers start when the first database is asked for, and write to disk as in production. */
async function benchContext(isSmall) {
  const support = (file) => import(pathToFileURL(path.join(root, 'test', 'support', file)).href);
  // Inside a test run its servers are used.
  let started = process.env.TEST_DATABASE_ADMIN_URL ? Promise.resolve(async () => {}) : undefined;
  const servers = async () => {
    const module = await support('run-servers.mjs');
    await (started ??= module.startRunServers({ isDurable: !isSmall }));
    return module;
  };
  return {
    isSmall,
    createDatabase: async () => (await servers()).createTestDatabase(),
    createRedisUrl: async () => (await servers()).createTestRedisUrl(),
    startStack: async (options) => {
      await servers();
      return (await support('stack.mjs')).startStack(options);
    },
    stop: async () => (await started)?.(),
  };
}

/** @returns {Promise<number>} 1 when the bench broke, 0 otherwise. */
async function runArea(area, context, print) {
  try {
    const bench = await import(pathToFileURL(path.join(folder, `${area}.bench.mjs`)).href);
    for await (const figure of bench.figures(context)) {
      refuseMalformed(area, figure);
      print(figure);
    }
    return 0;
  } catch (error) {
    console.error(`${area}: ${error.stack ?? error}`);
    return 1;
  }
}

function refuseMalformed(area, { name, value, unit, goal, better }) {
  const problem =
    (!String(name).startsWith(`${area}.`) && `its name must begin with "${area}."`) ||
    (!Number.isFinite(value) && `its value is ${value}`) ||
    (!units.includes(unit) && `its unit "${unit}" is none of ${units.join(', ')}`) ||
    (goal !== undefined &&
      !['lower', 'higher'].includes(better) &&
      'a goal needs better: "lower" or "higher"');
  if (problem) throw new Error(`Figure ${name}: ${problem}.`);
}

function printJson(figure) {
  console.log(JSON.stringify(figure));
}

function printRow({ name, value, unit, baseline, goal, better }) {
  const isMissed = goal !== undefined && (better === 'lower' ? value > goal : value < goal);
  const sign = better === 'lower' ? '<=' : '>=';
  const remarks = [
    baseline && `over ${baseline}`,
    goal !== undefined && `goal ${sign} ${goal}${isMissed ? '  MISSED' : ''}`,
  ];
  const shown =
    Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en') : Number(value.toPrecision(4));
  console.log(
    `  ${name.padEnd(40)} ${String(shown).padStart(14)} ${unit.padEnd(6)} ${remarks.filter(Boolean).join('; ')}`,
  );
}
