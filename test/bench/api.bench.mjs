// What a request costs beside one that does nothing, and while a thousand domains are metered.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { interleavedRatio, percentile } from './measure.mjs';
import { createClient } from './load/client.mjs';
import { meter, startMeteredStack } from './load/metering-load.mjs';

const connections = 32;

export async function* figures(context) {
  const { isSmall } = context;
  const size = isSmall
    ? { tenants: 2, domainsPerTenant: 2, hosts: 1 }
    : { tenants: 100, domainsPerTenant: 10, hosts: 2 };
  const metered = await startMeteredStack(context, size);
  try {
    // Every domain has been read, so that there is usage to show.
    await meter(metered, { seconds: 2 });
    yield await requestsRatio(metered, isSmall);
    yield await latencyUnderMetering(metered, isSmall);
  } finally {
    await metered.dispose();
  }
}

/** Both servers are processes of their own; the requests come from this one, over kept connections. */
async function requestsRatio({ stack, tenants: [tenant] }, isSmall) {
  const empty = fork(fileURLToPath(new URL('./load/empty-api.mjs', import.meta.url)), { execArgv: [] });
  try {
    const [{ url }] = await once(empty, 'message');
    const spanMs = isSmall ? 150 : 3_000;
    const product = createClient(stack.apiUrl, { connections });
    const nothing = createClient(url, { connections });
    const headers = { authorization: `Bearer ${tenant.apiKey}` };
    const subject = () => requestsPerSecond(product, `/v1/domains/${tenant.domainIds[0]}`, headers, spanMs);
    const baseline = () => requestsPerSecond(nothing, '/empty', headers, spanMs);
    await subject();
    await baseline();
    const measured = await interleavedRatio({ subject, baseline, rounds: isSmall ? 5 : 7 });
    product.close();
    nothing.close();
    return {
      name: 'api.rps_ratio',
      value: measured.ratio,
      unit: 'ratio',
      baseline: 'an empty handler of the same stack',
      goal: 0.3,
      better: 'higher',
      detail: {
        requests_per_s: Math.round(measured.subject),
        empty_per_s: Math.round(measured.baseline),
        connections,
        ratios: measured.ratios,
      },
    };
  } finally {
    empty.disconnect();
    await once(empty, 'exit');
  }
}

/** As many requests as the connections can carry for a span of time. */
async function requestsPerSecond(client, path, headers, spanMs) {
  const startedMs = performance.now();
  let answered = 0;
  const worker = async () => {
    while (performance.now() - startedMs < spanMs) {
      await client.json('GET', path, { headers });
      answered += 1;
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  return (answered * 1_000) / (performance.now() - startedMs);
}

/** Requests at a steady pace, whether or not earlier ones were answered: waiting in a queue counts. */
async function latencyUnderMetering(metered, isSmall) {
  const seconds = isSmall ? 2 : 20;
  const perSecond = isSmall ? 20 : 200;
  const client = createClient(metered.stack.apiUrl, { connections: 256 });
  const ms = [];
  const ask = async (at, dueMs) => {
    const tenant = metered.tenants[at % metered.tenants.length];
    const id = tenant.domainIds[at % tenant.domainIds.length];
    await client.json('GET', `/v1/domains/${id}`, { headers: { authorization: `Bearer ${tenant.apiKey}` } });
    ms.push(performance.now() - dueMs);
  };
  const load = meter(metered, { seconds });
  const startedMs = performance.now();
  const asked = [];
  for (let at = 0; at < seconds * perSecond; at += 1) {
    const dueMs = startedMs + (at * 1_000) / perSecond;
    const earlyMs = dueMs - performance.now();
    if (earlyMs > 0) await delay(earlyMs);
    asked.push(ask(at, dueMs));
  }
  await Promise.all(asked);
  await load;
  client.close();
  return {
    name: 'api.p99_ms_under_metering',
    value: percentile(ms, 99),
    unit: 'ms',
    goal: 50,
    better: 'lower',
    detail: {
      domains: metered.tenants.length * metered.tenants[0].domainIds.length,
      requests_per_s: perSecond,
      seconds,
      p50_ms: percentile(ms, 50),
      max_ms: percentile(ms, 100),
    },
  };
}
