// `npm run check`: types, lint, floors, format and the freshness of what is generated and committed.
import './node-version.mjs';
import path from 'node:path';
import { main, Refusal, run } from './checkout.mjs';
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
  [
    'apps/api/openapi.json is fresh',
    () => run(process.execPath, ['apps/api/dist/openapi.js', '--check'], { quiet: true }),
  ],
];

async function floors() {
  const { violations, modules, files } = await checkFloors();
  if (modules < files) throw new Refusal(`Only ${modules} of ${files} source files were looked at.`);
  if (violations.length > 0) throw new Refusal(violations.join('\n'));
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
