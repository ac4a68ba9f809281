'use client';
import { useQuery } from '@tanstack/react-query';
import { api, unwrap } from './client';
import { queryKeys } from './query-keys';

/** Plans with their prices, and the table of which meters run in which power state. */
export function useCatalog() {
  return useQuery({
    queryKey: queryKeys.catalog,
    queryFn: () => unwrap(api.GET('/v1/plans')),
    staleTime: 300_000,
  });
}

export function useImages() {
  return useQuery({
    queryKey: queryKeys.images,
    queryFn: () => unwrap(api.GET('/v1/images')),
    staleTime: 300_000,
  });
}
