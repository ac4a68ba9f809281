'use client';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, rememberCsrfToken, unwrap } from './client';
import { queryKeys } from './query-keys';

/** Who is signed in, for which tenant, with which rights; `user` is null for nobody. */
export function useMe() {
  return useQuery({
    queryKey: queryKeys.me,
    queryFn: async () => {
      const me = await unwrap(api.GET('/v1/me'));
      rememberCsrfToken(me.csrf_token);
      return me;
    },
    staleTime: 60_000,
  });
}

export function useSignIn() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: async (body: { email: string; password: string }) => {
      const session = await unwrap(api.POST('/v1/sessions', { body }));
      rememberCsrfToken(session.csrf_token);
      return session;
    },
    // Nothing another person saw may be left in the cache.
    onSuccess: () => cache.resetQueries(),
  });
}

export function useSignOut() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: async () => {
      await unwrap(api.DELETE('/v1/sessions/current'));
      rememberCsrfToken(null);
    },
    onSuccess: () => cache.clear(),
  });
}

/** The zone in which the tenant's periods begin and end. */
export function useTenantZone(): string {
  return useMe().data?.tenant?.time_zone ?? 'UTC';
}
