// Only `prisma generate` runs from here, and it never calls the native schema engine. The CLI would still download
// that engine, so it is pointed at a harmless executable first. Migrations are plain SQL (scripts/migrate.mjs).
import { defineConfig } from 'prisma/config';

process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= process.execPath;
process.env.PRISMA_HIDE_UPDATE_MESSAGE ??= '1';
process.env.CHECKPOINT_DISABLE ??= '1';

export default defineConfig({
  schema: 'prisma',
  migrations: { path: 'prisma/migrations' },
});
