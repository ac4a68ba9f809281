'use client';
import { useQuery, useQueryClient, type QueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { Domain, FeedEvent, Money, OperatorHost } from '../contract';
import { isUp } from '../power';
import { queryKeys } from '../query-keys';
import {
  appendFigures,
  withHostFigures,
  type BillFigures,
  type DomainFigures,
  type HostFigures,
  type LiveDomain,
} from './figures';
import type { StreamMessage } from './sse-parser';
import { staleKeys } from './stale-keys';
import { openStream } from './stream';

/** How long events are gathered before what they made old is fetched again. */
const gatherMs = 200;

/** Opens the tab's one stream; mounted once, by the shell. */
export function useLiveEvents(stream: 'tenant' | 'operator', enabled: boolean): void {
  const cache = useQueryClient();
  useEffect(() => {
    if (!enabled) return undefined;
    const refresher = new Refresher(cache);
    const path = stream === 'operator' ? '/api/v1/operator/events' : '/api/v1/events';
    const close = openStream(path, (message) => applyMessage(cache, refresher, message));
    return () => {
      close();
      refresher.stop();
    };
  }, [cache, stream, enabled]);
}

function applyMessage(cache: QueryClient, refresher: Refresher, message: StreamMessage): void {
  const data: unknown = JSON.parse(message.data);
  switch (message.event) {
    case 'domain.figures':
      return applyDomainFigures(cache, data as DomainFigures, refresher);
    case 'bill.figures':
      cache.setQueryData(queryKeys.liveBill, data as BillFigures);
      return;
    case 'host.figures':
      return applyHostFigures(cache, data as HostFigures);
    case 'ready':
      return;
    case 'resync':
      void cache.invalidateQueries();
      return;
    default:
      applyEvent(cache, data as FeedEvent);
      refresher.add(staleKeys(message.event));
  }
}

function applyEvent(cache: QueryClient, event: FeedEvent): void {
  if (event.type !== 'invoice.issued' || event.tenant_id === null) return;
  cache.setQueryData(queryKeys.liveInvoice(event.tenant_id), event);
}

function applyDomainFigures(cache: QueryClient, figures: DomainFigures, refresher: Refresher): void {
  const id = figures.domain_id;
  cache.setQueryData<LiveDomain>(queryKeys.liveDomain(id), (live) => appendFigures(live, figures));
  const known = cache.getQueryData<Domain>(queryKeys.domain(id));
  // Another state allows other actions and has other holds, and only the API knows which.
  if (known && known.state !== figures.state) refresher.add([queryKeys.domains]);
}

function applyHostFigures(cache: QueryClient, figures: HostFigures): void {
  cache.setQueryData<{ data: OperatorHost[] }>(
    queryKeys.operatorHosts,
    (hosts) => hosts && { ...hosts, data: hosts.data.map((host) => withHostFigures(host, figures)) },
  );
}

/** Gathers stale keys and refreshes each once. */
class Refresher {
  #keys = new Map<string, readonly unknown[]>();
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly cache: QueryClient) {}

  add(keys: readonly (readonly unknown[])[]): void {
    for (const key of keys) this.#keys.set(JSON.stringify(key), key);
    this.#timer ??= setTimeout(() => this.#flush(), gatherMs);
  }

  stop(): void {
    if (this.#timer) clearTimeout(this.#timer);
  }

  #flush(): void {
    this.#timer = null;
    for (const queryKey of this.#keys.values()) void this.cache.invalidateQueries({ queryKey });
    this.#keys.clear();
  }
}

/** The last two minutes of one domain; only what reads it draws again each second. */
export function useLiveDomain(id: string): LiveDomain | undefined {
  return useQuery<LiveDomain>({ queryKey: queryKeys.liveDomain(id), enabled: false, gcTime: 600_000 }).data;
}

/** What a domain has cost and costs now: from the stream while it is up, else as the API last said. */
export function useDomainMoney(domain: Domain): { accrued: Money; rateNow: Money } {
  const latest = useLiveDomain(domain.id)?.latest;
  if (!latest || !isUp(domain)) return { accrued: domain.billing.accrued, rateNow: domain.billing.rate_now };
  return { accrued: latest.accrued, rateNow: latest.rate_now };
}

export function useLiveBill(): BillFigures | undefined {
  return useQuery<BillFigures>({ queryKey: queryKeys.liveBill, enabled: false, gcTime: 600_000 }).data;
}
