// Fills an empty database with the demo and prints its sign-ins as one line of JSON.
import 'reflect-metadata';
import { createApp } from './app.js';
import { productModules } from './app.module.js';
import { DemoModule } from './demo/demo.module.js';
import { SeedDemo } from './demo/seed-demo.js';
import { loadConfig } from './platform/config.js';

// Only the wiring is wanted: nothing listens, no job and no host runs.
const config = loadConfig({ ...process.env, XENORACK_ROLES: 'http', LOG_LEVEL: 'silent' });
const app = await createApp(config, [...productModules, DemoModule]);
try {
  await app.init();
  console.log(JSON.stringify(await app.get(SeedDemo).run()));
} finally {
  await app.close();
}
