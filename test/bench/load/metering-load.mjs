// The running product while played hosts meter: each second every domain is read once.
import { setTimeout as delay } from 'node:timers/promises';
import { createClient, signIn } from './client.mjs';
import { createFleet } from './fleet.mjs';

/**
 * Starts the product on durable servers with a fleet of played hosts beside the demo.
 * @param {{ startStack: (options?: object) => Promise<any> }} context
 * @param {{ tenants: number, domainsPerTenant: number, hosts: number }} size
 */
export async function startMeteredStack({ startStack }, size) {
  const stack = await startStack({
    env: { RATE_LIMIT_PER_MINUTE: '10000000', SIGN_IN_LIMIT_PER_MINUTE: '1000', LOG_LEVEL: 'warn' },
  });
  try {
    const client = createClient(stack.apiUrl);
    const operator = await signIn(client, stack.operator);
    const fleet = await createFleet(stack.databaseUrl, size);
    const dispose = async () => {
      client.close();
      await stack.dispose();
    };
    return { stack, client, operator, ...fleet, dispose };
  } catch (error) {
    await stack.dispose();
    throw error;
  }
}

/**
 * Takes a reading of every domain at each whole second and posts them, as hosts on other machines do.
 * @returns {Promise<{ readings: number, postMs: number[] }>} How many were taken and how long each post was answered in.
 */
export async function meter({ client, operator, hosts }, { seconds, onTaken = () => undefined }) {
  const postMs = [];
  let readings = 0;
  const posts = new Set();
  for (let second = 0; second < seconds; second += 1) {
    await delay(1_000 - (Date.now() % 1_000));
    const utcNs = BigInt(Date.now()) * 1_000_000n;
    for (const host of hosts) {
      const batch = host.takeBatch(utcNs);
      readings += batch.readings.length;
      onTaken(batch);
      host.sent = (host.sent ?? Promise.resolve()).then(() => post(client, operator, batch, postMs));
      posts.add(host.sent);
    }
  }
  await Promise.all(posts);
  return { readings, postMs };
}

async function post(client, operator, batch, postMs) {
  const startedMs = performance.now();
  await client.json('POST', `/v1/operator/hosts/${batch.hostId}/reading-batches`, {
    body: batch,
    headers: operator,
  });
  postMs.push(performance.now() - startedMs);
}
