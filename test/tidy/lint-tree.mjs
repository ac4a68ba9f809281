// Lints a folder with the rules of this checkout and prints what it found: [{ file, ruleId, message }].
import path from 'node:path';
import { ESLint } from 'eslint';
import { root } from '../../scripts/checkout.mjs';

const folder = process.argv[2];
const eslint = new ESLint({ cwd: folder, overrideConfigFile: path.join(root, 'eslint.config.mjs') });
const results = await eslint.lintFiles(['.']);
const found = results.flatMap(({ filePath, messages }) =>
  messages.map(({ ruleId, message }) => ({ file: path.relative(folder, filePath), ruleId, message })),
);
console.log(JSON.stringify(found));
