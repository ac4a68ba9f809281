// `npm run check`: types, lint, floors, format and the freshness of what is generated and committed.
import './node-version.mjs';
import fs from 'node:fs';
import path from 'node:path';
import { capture, main, Refusal, root, run } from './checkout.mjs';
import { checkFloors } from './floors.mjs';
import { generate } from './generate.mjs';
import { install } from './install.mjs';

const node = (script, ...args) =>
  run(process.execPath, [path.join('node_modules', script), ...args], { quiet: true });
const compiler = 'typescript/bin/tsc';

const checks = [
  ['types of packages and API', () => node(compiler, '-b')],
  ['types of tests', () => node(compiler, '-p', 'test')],
  [
    'types of the dashboard',
    () => node(compiler, '-p', 'apps/dashboard', '--noEmit', '--incremental', 'false'),
  ],
  ['lint', () => node('eslint/bin/eslint.js', '.', '--max-warnings', '0')],
  ['floors', floors],
  ['format', () => node('prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.')],
  ['apps/api/openapi.json is fresh', contractIsFresh],
];

async function floors() {
  const { violations, modules, files } = await checkFloors();
  if (modules < files) throw new Refusal(`Only ${modules} of ${files} source files were looked at.`);
  if (violations.length > 0) throw new Refusal(violations.join('\n'));
}

async function contractIsFresh() {
  const entry = path.join(root, 'apps', 'api', 'dist', 'openapi.js');
  const { code, output, errors } = await capture(process.execPath, [entry], { quiet: true });
  if (code !== 0) throw new Refusal(`The API cannot describe itself: ${errors.trim()}`);
  if (output !== fs.readFileSync(path.join(root, 'apps', 'api', 'openapi.json'), 'utf8')) {
    throw new Refusal(
      'apps/api/openapi.json is not what the code says: run `npm run generate -- --contract` and commit it.',
    );
  }
}

await main(async () => {
  await install();
  await generate();
  let failed = 0;
  for (const [name, check] of checks) {
    const startedMs = Date.now();
    const problem = await check().then(
      () => undefined,
      (error) => (error instanceof Refusal ? error.message : error.stack),
    );
    if (problem !== undefined) failed += 1;
    console.log(
      `${problem === undefined ? 'ok    ' : 'FAILED'} ${name} (${((Date.now() - startedMs) / 1000).toFixed(1)} s)`,
    );
    if (problem !== undefined) console.log(problem);
  }
  console.log(`${checks.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
});
