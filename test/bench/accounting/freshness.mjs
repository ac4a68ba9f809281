// How old an amount is when a browser sees it: from the instant of the reading to the figure on the event stream.
import { setTimeout as delay } from 'node:timers/promises';
import { percentile } from '../measure.mjs';
import { followEvents } from '../load/client.mjs';
import { meter, startMeteredStack } from '../load/metering-load.mjs';

const nsPerMs = 1_000_000n;
/** A figure that has not come this long after the last reading counts as never seen. */
const patienceMs = 5_000;

export async function freshness(context) {
  const { isSmall } = context;
  const size = isSmall
    ? { tenants: 2, domainsPerTenant: 2, hosts: 1 }
    : { tenants: 100, domainsPerTenant: 10, hosts: 2 };
  const seconds = isSmall ? 4 : 30;
  const metered = await startMeteredStack(context, size);
  const closers = [];
  try {
    // Per domain: instants of readings that no figure has shown yet, oldest first.
    const unseen = new Map();
    const agesMs = [];
    const onFigure = (name, data, atMs) => {
      if (name !== 'domain.figures') return;
      const { domain_id: domainId, at, accrued } = JSON.parse(data);
      if (accrued === undefined) throw new Error('a domain figure without an amount');
      const list = unseen.get(domainId) ?? [];
      // A figure shows every reading up to its own: one that came too late for a figure of its own is seen in the next.
      while (list.length > 0 && list[0] <= nanoseconds(at)) agesMs.push(atMs - Number(list.shift()) / 1e6);
    };
    for (const { apiKey } of metered.tenants) {
      closers.push(await followEvents(metered.stack.apiUrl, { authorization: `Bearer ${apiKey}` }, onFigure));
    }
    await meter(metered, { seconds: 3 });
    const onTaken = ({ readings }) => {
      for (const { resourceId, utcNs } of readings) {
        const list = unseen.get(resourceId);
        if (list === undefined) unseen.set(resourceId, [BigInt(utcNs)]);
        else list.push(BigInt(utcNs));
      }
    };
    const { readings, postMs } = await meter(metered, { seconds, onTaken });
    const untilMs = Date.now() + patienceMs;
    while (agesMs.length < readings && Date.now() < untilMs) await delay(20);
    const never = readings - agesMs.length;
    if (agesMs.length === 0) throw new Error('no figure was seen');
    // A reading that was never shown is as old as we waited.
    for (let at = 0; at < never; at += 1) agesMs.push(patienceMs);
    return {
      name: 'accounting.freshness_p99_ms',
      value: percentile(agesMs, 99),
      unit: 'ms',
      goal: 1_500,
      better: 'lower',
      detail: {
        domains: size.tenants * size.domainsPerTenant,
        tenants: size.tenants,
        seconds,
        p50_ms: percentile(agesMs, 50),
        max_ms: percentile(agesMs, 100),
        never_seen: never,
        post_p50_ms: percentile(postMs, 50),
        post_p99_ms: percentile(postMs, 99),
      },
    };
  } finally {
    for (const close of closers) close();
    await metered.dispose();
  }
}

/** An instant of the API, with up to nine digits after the second, in nanoseconds. */
function nanoseconds(text) {
  const [, seconds, fraction = ''] = /^(.*?)(?:\.(\d+))?Z$/.exec(text);
  return BigInt(Date.parse(`${seconds}Z`)) * nsPerMs + BigInt(fraction.padEnd(9, '0'));
}
