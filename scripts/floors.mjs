// Runs dependency-cruiser over the sources and makes sure that it looked at them: beside a TypeScript it does not
// support it would cruise nothing and report success.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { filesBelow, isEntry, main, root } from './checkout.mjs';

const require = createRequire(import.meta.url);

/** The source folders of every workspace, relative to a root. @param {string} base @returns {string[]} */
function sourceFolders(base) {
  return ['packages', 'apps']
    .filter((group) => fs.existsSync(path.join(base, group)))
    .flatMap((group) => fs.readdirSync(path.join(base, group)).map((name) => path.join(group, name, 'src')))
    .filter((folder) => fs.existsSync(path.join(base, folder)));
}

/**
 * @param {string} [base] The folder that holds packages and apps; tests give one with planted violations.
 * @returns {Promise<{ violations: string[], rules: string[], modules: number, files: number }>}
 *   `violations` are lines, `rules` the names of the rules they break.
 */
export async function checkFloors(base = root) {
  const { cruise } = await import('dependency-cruiser');
  const { options, ...ruleSet } = require('../.dependency-cruiser.cjs');
  const folders = sourceFolders(base);
  const { output } = await cruise(folders, { ...options, ruleSet, validate: true, baseDir: base });
  const found = output.summary.violations;
  return {
    violations: found.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`),
    rules: [...new Set(found.map(({ rule }) => rule.name))],
    modules: output.modules.filter(({ source }) =>
      /^(packages|apps)\/[^/]+\/src\/(?!.*generated)/.test(source),
    ).length,
    files: countSources(base, folders),
  };
}

function countSources(base, folders) {
  const relative = folders.map((folder) => path.relative(root, path.join(base, folder)));
  return filesBelow(relative).filter((file) => /\.tsx?$/.test(file) && !file.endsWith('.d.ts')).length;
}

// `node scripts/floors.mjs <folder>` says it as JSON: Jest cannot load dependency-cruiser into its own module system.
if (isEntry(import.meta.url)) {
  await main(async () => console.log(JSON.stringify(await checkFloors(process.argv[2] ?? root))));
}
