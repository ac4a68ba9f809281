// Starts one PostgreSQL and one Redis for a whole test run. Tests make databases with test/support/database.ts.
import { startRunServers } from './run-servers.mjs';

export default async function globalSetup() {
  globalThis.stopXenorackTestServers = await startRunServers();
}
