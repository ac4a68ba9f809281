/** What tests need of the servers of their run; benches, which are not compiled, take it from run-servers.mjs. */
export { createTestDatabase, createTestRedisUrl } from './run-servers.mjs';
