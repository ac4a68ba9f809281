// Generates the code that is not committed: the Prisma client of the API and the API types of the dashboard.
import './node-version.mjs';
import fs from 'node:fs';
import path from 'node:path';
import { capture, isEntry, main, Refusal, root, run, whenChanged } from './checkout.mjs';

const contract = 'apps/api/openapi.json';
const contractTypes = 'apps/dashboard/src/api/schema.gen.ts';

/** @returns {Promise<string>} What was generated, in words. */
export async function generate() {
  const done = [];
  if (await generatePrismaClient()) done.push('Prisma client');
  if (await generateContractTypes()) done.push('API types');
  return done.join(', ') || 'up to date';
}

function generatePrismaClient() {
  return whenChanged(
    {
      name: 'prisma-client',
      inputs: ['prisma', 'prisma.config.ts', 'node_modules/prisma/package.json'],
      outputs: ['apps/api/src/platform/generated/client.ts'],
      keep: (file) => !file.startsWith(path.join('prisma', 'migrations')),
    },
    () => run(process.execPath, ['node_modules/prisma/build/index.js', 'generate'], { quiet: true }),
  );
}

async function generateContractTypes() {
  if (!fs.existsSync(path.join(root, contract))) return false;
  return whenChanged(
    { name: 'contract-types', inputs: [contract, 'scripts/generate.mjs'], outputs: [contractTypes] },
    async () => {
      fs.mkdirSync(path.join(root, path.dirname(contractTypes)), { recursive: true });
      const tool = 'node_modules/openapi-typescript/bin/cli.js';
      await run(process.execPath, [tool, contract, '-o', contractTypes], { quiet: true });
    },
  );
}

/** Writes what the built API says about itself to the committed contract. */
async function writeContract() {
  const entry = path.join(root, 'apps', 'api', 'dist', 'openapi.js');
  const { code, output, errors } = await capture(process.execPath, [entry], { quiet: true });
  if (code !== 0) throw new Refusal(`The API cannot describe itself: ${errors.trim()}`);
  fs.writeFileSync(path.join(root, contract), output);
}

if (isEntry(import.meta.url)) {
  await main(async () => {
    if (process.argv.includes('--contract')) await writeContract();
    console.log(await generate());
  });
}
