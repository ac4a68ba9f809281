'use client';
import { useInfiniteQuery } from '@tanstack/react-query';
import { api, unwrap } from './client';
import { queryKeys } from './query-keys';

/** The tenant's feed, newest first. */
export function useEvents() {
  return useInfiniteQuery({
    queryKey: queryKeys.events,
    queryFn: ({ pageParam }) => {
      const query = { limit: 50, ...(pageParam ? { cursor: pageParam } : {}) };
      return unwrap(api.GET('/v1/events', { params: { query } }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: (last) => (last.page.has_more ? last.page.next_cursor : null),
  });
}
