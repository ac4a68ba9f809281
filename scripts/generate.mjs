// Generates the code that is not committed: the Prisma client of the API and the API types of the dashboard.
import './node-version.mjs';
import fs from 'node:fs';
import path from 'node:path';
import { isEntry, main, root, run, whenChanged } from './checkout.mjs';

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

if (isEntry(import.meta.url)) {
  await main(async () => {
    // The contract is committed; the built API writes it.
    if (process.argv.includes('--contract')) await run(process.execPath, ['apps/api/dist/openapi.js']);
    console.log(await generate());
  });
}
