'use client';
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, unwrap, unwrapTagged } from './client';
import type { BudgetBody } from './contract';
import { queryKeys } from './query-keys';

/** The bill of the open period with its lines. `watch` refetches it while it grows, so that lines and total agree. */
export function useBill({ watch = false }: { watch?: boolean } = {}) {
  return useQuery({
    queryKey: queryKeys.bill,
    queryFn: () => unwrap(api.GET('/v1/billing/current-period')),
    refetchInterval: (query) => {
      const grows = query.state.data ? /[1-9]/.test(query.state.data.rate_per_hour.amount) : false;
      return watch && grows ? 2000 : false;
    },
  });
}

export function useLimits() {
  return useQuery({ queryKey: queryKeys.limits, queryFn: () => unwrap(api.GET('/v1/limits')) });
}

export function useBudgets() {
  return useQuery({
    queryKey: queryKeys.budgets,
    queryFn: () => unwrap(api.GET('/v1/budgets')),
    // What a budget has left follows the money, which moves while anything runs.
    refetchInterval: (query) => ((query.state.data?.data.length ?? 0) > 0 ? 5000 : false),
  });
}

export function useSaveBudget() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: async ({ id, body, key }: { id: string | null; body: BudgetBody; key: string }) => {
      if (id === null)
        return unwrap(api.POST('/v1/budgets', { body, params: { header: { 'Idempotency-Key': key } } }));
      // The tag of what is stored now: somebody else's change in between is refused, not overwritten.
      const { etag } = await unwrapTagged(api.GET('/v1/budgets/{id}', { params: { path: { id } } }));
      const params = { path: { id }, header: { 'If-Match': etag } };
      return unwrap(api.PATCH('/v1/budgets/{id}', { body, params }));
    },
    onSuccess: () => refreshMoney(cache),
  });
}

export function useDeleteBudget() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => unwrap(api.DELETE('/v1/budgets/{id}', { params: { path: { id } } })),
    onSuccess: () => refreshMoney(cache),
  });
}

function refreshMoney(cache: ReturnType<typeof useQueryClient>): Promise<unknown> {
  const keys = [queryKeys.budgets, queryKeys.limits, queryKeys.domains];
  return Promise.all(keys.map((queryKey) => cache.invalidateQueries({ queryKey })));
}

export function useInvoices() {
  return useInfiniteQuery({
    queryKey: queryKeys.invoices,
    queryFn: ({ pageParam }) => {
      const query = { limit: 50, ...(pageParam ? { cursor: pageParam } : {}) };
      return unwrap(api.GET('/v1/invoices', { params: { query } }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: (last) => (last.page.has_more ? last.page.next_cursor : null),
  });
}

export function useInvoice(id: string) {
  return useQuery({
    queryKey: queryKeys.invoice(id),
    queryFn: () => unwrap(api.GET('/v1/invoices/{id}', { params: { path: { id } } })),
    staleTime: Infinity,
  });
}

/** How one invoice line came to its amount, down to the readings; frozen with the invoice. */
export function useDerivation(lineId: string | null) {
  return useQuery({
    queryKey: queryKeys.derivation(lineId ?? ''),
    queryFn: () =>
      unwrap(api.GET('/v1/invoice-lines/{id}/derivation', { params: { path: { id: lineId as string } } })),
    enabled: lineId !== null,
    staleTime: Infinity,
  });
}
