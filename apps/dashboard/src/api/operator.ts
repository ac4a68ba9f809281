'use client';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, unwrap } from './client';
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

/** Closes a tenant's ended period and waits until the invoice stands or the operation failed. */
export function useInvoiceRun() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: async ({ tenantId, key }: { tenantId: string; key: string }) => {
      const params = { header: { 'Idempotency-Key': key } };
      const started = await unwrap(
        api.POST('/v1/operator/invoice-runs', { params, body: { tenant_id: tenantId } }),
      );
      let operation = started.operation;
      while (operation.status === 'queued' || operation.status === 'running') {
        const path = { id: operation.id };
        operation = await unwrap(api.GET('/v1/operations/{id}', { params: { path, query: { wait: 10 } } }));
      }
      return operation;
    },
    onSuccess: () => cache.invalidateQueries({ queryKey: queryKeys.operator }),
  });
}
