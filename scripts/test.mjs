// `npm test`: from a fresh clone to the result of every test. Arguments go to Jest (paths, --selectProjects, ...).
import './node-version.mjs';
import fs from 'node:fs';
import path from 'node:path';
import { buildDashboard, buildPackages } from './build.mjs';
import { capture, main, Refusal, root, step } from './checkout.mjs';
import { findChromium } from './chromium.mjs';
import { generate } from './generate.mjs';
import { install } from './install.mjs';

await main(async () => {
  const chromium = findChromium();
  if (!chromium && process.env.CI === 'true') {
    throw new Refusal(
      'Chromium is missing and CI=true requires the browser tests: install it (`apt install chromium`) or set CHROMIUM_PATH.',
    );
  }
  await step('Installing packages', install);
  await step('Generating code', generate);
  await step('Building packages and API', buildPackages);
  if (chromium) await step('Building dashboard', buildDashboard);
  else
    console.log(
      '  No Chromium found: the browser tests are left out (install chromium or set CHROMIUM_PATH).',
    );
  return runJest(chromium, process.argv.slice(2));
});

async function runJest(chromium, args) {
  const resultFile = path.join(root, '.xenorack', `jest-${process.pid}.json`);
  fs.mkdirSync(path.dirname(resultFile), { recursive: true });
  // A choice of projects in the arguments is the caller's own.
  const projects =
    chromium || args.includes('--selectProjects') ? [] : ['--selectProjects', 'unit', 'servers'];
  const { code } = await capture(
    process.execPath,
    ['node_modules/jest/bin/jest.js', ...args, ...projects, '--json', `--outputFile=${resultFile}`],
    {
      env: {
        ...process.env,
        NODE_ENV: 'test',
        NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --experimental-vm-modules --no-warnings`.trim(),
        CHROMIUM_PATH: chromium ?? '',
      },
    },
  );
  const { passed, failed, skipped } = readCounts(resultFile);
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  return code === 0 && failed === 0 ? 0 : 1;
}

/** A test file that does not even load counts as one failed test. */
function readCounts(resultFile) {
  if (!fs.existsSync(resultFile)) return { passed: 0, failed: 1, skipped: 0 };
  const result = JSON.parse(fs.readFileSync(resultFile, 'utf8'));
  fs.rmSync(resultFile, { force: true });
  return {
    passed: result.numPassedTests,
    failed: result.numFailedTests + result.numRuntimeErrorTestSuites,
    skipped: result.numPendingTests + result.numTodoTests,
  };
}
