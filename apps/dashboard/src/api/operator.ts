'use client';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, unwrap } from './client';
import type { FeedEvent } from './contract';
import { useFallbackPolling } from './live/connection';
import { queryKeys } from './query-keys';

export function useHosts() {
  const poll = useFallbackPolling();
  return useQuery({
    queryKey: queryKeys.operatorHosts,
    queryFn: () => unwrap(api.GET('/v1/operator/hosts')),
    refetchInterval: () => poll(true),
  });
}

export function useOperatorDomains() {
  return useQuery({
    queryKey: queryKeys.operatorDomains,
    queryFn: () => unwrap(api.GET('/v1/operator/domains')),
    refetchInterval: 5000,
  });
}

export function useTenants() {
  return useQuery({
    queryKey: queryKeys.operatorTenants,
    queryFn: () => unwrap(api.GET('/v1/operator/tenants')),
  });
}

/** What a tenant holds, owes and may still spend, at its own present. */
export function useTenantAccount(tenantId: string) {
  return useQuery({
    queryKey: queryKeys.operatorAccount(tenantId),
    queryFn: () =>
      unwrap(api.GET('/v1/operator/tenants/{id}/account', { params: { path: { id: tenantId } } })),
    refetchInterval: 5000,
  });
}

export function useOperatorPlans() {
  return useQuery({
    queryKey: queryKeys.operatorPlans,
    queryFn: () => unwrap(api.GET('/v1/operator/plans')),
  });
}

export function useLedger() {
  return useQuery({
    queryKey: queryKeys.operatorLedger,
    queryFn: () => unwrap(api.GET('/v1/operator/ledger')),
  });
}

/** Moves the clock of a test tenant on, as if that time had passed. */
export function useAdvanceTestClock() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: ({ tenantId, advanceTo }: { tenantId: string; advanceTo: string }) =>
      unwrap(
        api.POST('/v1/operator/tenants/{id}/test-clock', {
          params: { path: { id: tenantId } },
          body: { advance_to: advanceTo },
        }),
      ),
    onSuccess: () => cache.invalidateQueries({ queryKey: queryKeys.operator }),
  });
}

/** Asks for a tenant's ended period to be closed; the invoice follows when all readings are in (see useIssuedInvoice). */
export function useInvoiceRun() {
  return useMutation({
    mutationFn: ({ tenantId, force, key }: { tenantId: string; force: boolean; key: string }) =>
      unwrap(
        api.POST('/v1/operator/invoice-runs', {
          params: { header: { 'Idempotency-Key': key } },
          body: { tenant_id: tenantId, force },
        }),
      ),
  });
}

/** The newest invoice that the stream told of since this page was opened. */
export function useIssuedInvoice(tenantId: string) {
  return useQuery<FeedEvent>({ queryKey: queryKeys.liveInvoice(tenantId), enabled: false }).data;
}
