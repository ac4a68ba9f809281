// Writes apps/api/openapi.json from the routes; with --check only says whether the file is up to date. Needs no server.
import 'reflect-metadata';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createRoutes } from './app.js';
import { unreachableConfig } from './platform/config.js';
import { openapiDocument } from './platform/http/openapi-document.js';

const file = fileURLToPath(new URL('../openapi.json', import.meta.url));

const app = await createRoutes(unreachableConfig());
const text = `${JSON.stringify(openapiDocument(app), null, 2)}\n`;
const present = existsSync(file) ? readFileSync(file, 'utf8') : '';
if (!process.argv.includes('--check')) {
  if (present !== text) writeFileSync(file, text);
} else if (present !== text) {
  console.error('apps/api/openapi.json is out of date: run `node apps/api/dist/openapi.js`.');
  process.exitCode = 1;
}
