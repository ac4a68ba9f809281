'use client';
import {
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query';
import { api, newIdempotencyKey, unwrap } from './client';
import type { ActionType, Domain, DomainCreate } from './contract';
import { useFallbackPolling } from './live/connection';
import { isUp } from './power';
import { queryKeys } from './query-keys';

export interface DomainFilter {
  readonly state?: Domain['state'];
  readonly name?: string;
}

function moves(domain: Domain): boolean {
  return domain.operation !== null || domain.phase === 'provisioning' || domain.phase === 'deleting';
}

export function useDomains(filter: DomainFilter = {}, enabled = true) {
  const poll = useFallbackPolling();
  return useInfiniteQuery({
    queryKey: queryKeys.domainList(filter),
    enabled,
    queryFn: ({ pageParam }) => {
      const query = { ...filter, limit: 100, ...(pageParam ? { cursor: pageParam } : {}) };
      return unwrap(api.GET('/v1/domains', { params: { query } }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: (last) => (last.page.has_more ? last.page.next_cursor : null),
    placeholderData: keepPreviousData,
    refetchInterval: (query) => poll(query.state.data?.pages.some((page) => page.data.some(moves)) ?? false),
  });
}

export function useDomain(id: string) {
  const poll = useFallbackPolling();
  return useQuery({
    queryKey: queryKeys.domain(id),
    queryFn: () => unwrap(api.GET('/v1/domains/{id}', { params: { path: { id } } })),
    refetchInterval: (query) => {
      const domain = query.state.data;
      if (!domain) return false;
      // The stream brings figures of domains that are up; the disk of a halted one still costs.
      return poll(moves(domain) || !isUp(domain));
    },
  });
}

/** What creating this domain would cost and need; nothing happens on the server. */
export function useEstimate(body: DomainCreate | null) {
  return useQuery({
    queryKey: queryKeys.estimate(body),
    queryFn: () => unwrap(api.POST('/v1/estimates', { body: body as DomainCreate })),
    enabled: body !== null,
    placeholderData: keepPreviousData,
    staleTime: 10_000,
    retry: false,
  });
}

export function useCreateDomain() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: ({ body, key }: { body: DomainCreate; key: string }) =>
      unwrap(api.POST('/v1/domains', { body, params: { header: { 'Idempotency-Key': key } } })),
    onSuccess: ({ domain }) => {
      cache.setQueryData(queryKeys.domain(domain.id), domain);
      return refreshMoved(cache);
    },
  });
}

export function useDomainAction(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (type: ActionType | 'delete') => {
      const params = { path: { id }, header: { 'Idempotency-Key': newIdempotencyKey() } };
      if (type === 'delete') return unwrap(api.DELETE('/v1/domains/{id}', { params }));
      return unwrap(api.POST('/v1/domains/{id}/actions', { params, body: { type } }));
    },
    onSettled: () => refreshMoved(cache),
  });
}

function refreshMoved(cache: ReturnType<typeof useQueryClient>): Promise<unknown> {
  const keys = [queryKeys.domains, queryKeys.operations, queryKeys.limits, queryKeys.bill];
  return Promise.all(keys.map((queryKey) => cache.invalidateQueries({ queryKey })));
}

export function useOperationsOf(subjectId: string) {
  const poll = useFallbackPolling();
  return useQuery({
    queryKey: queryKeys.operationsOf(subjectId),
    queryFn: () =>
      unwrap(api.GET('/v1/operations', { params: { query: { subject: subjectId, limit: 50 } } })),
    refetchInterval: (query) =>
      poll(
        query.state.data?.data.some((one) => one.status === 'queued' || one.status === 'running') ?? false,
      ),
  });
}

export function useMeterReadings(domainId: string) {
  return useInfiniteQuery({
    queryKey: queryKeys.readings(domainId),
    queryFn: ({ pageParam }) => {
      const query = { limit: 25, ...(pageParam ? { cursor: pageParam } : {}) };
      return unwrap(
        api.GET('/v1/domains/{id}/meter-readings', { params: { path: { id: domainId }, query } }),
      );
    },
    initialPageParam: null as string | null,
    getNextPageParam: (last) => (last.page.has_more ? last.page.next_cursor : null),
  });
}

/** The last `seconds` at one point per second, to fill the strips before the stream has spoken. */
export function useRecentMetrics(domainId: string, seconds: number) {
  return useQuery({
    queryKey: queryKeys.metrics(domainId),
    queryFn: () => {
      const end = new Date();
      const start = new Date(end.getTime() - seconds * 1000);
      const query = {
        names: 'cpu,memory,net_rx,net_tx,disk_read,disk_write',
        start: start.toISOString(),
        end: end.toISOString(),
        step: 1,
      };
      return unwrap(api.GET('/v1/domains/{id}/metrics', { params: { path: { id: domainId }, query } }));
    },
    staleTime: Infinity,
    gcTime: 0,
  });
}
