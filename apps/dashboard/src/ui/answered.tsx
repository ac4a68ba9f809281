'use client';
import type { ReactNode } from 'react';
import { ProblemNote } from './problem-note';

interface Pending<T> {
  readonly data: T | undefined;
  readonly error: Error | null;
  readonly refetch: () => unknown;
}

interface AnsweredProps<T> {
  readonly query: Pending<T>;
  readonly what: string;
  /** The final geometry, shown until there is an answer. */
  readonly skeleton: ReactNode;
  readonly children: (data: T) => ReactNode;
}

/** A part of a page that loads and fails alone. Old data stays while new data is fetched. */
export function Answered<T>({ query, what, skeleton, children }: AnsweredProps<T>) {
  if (query.data !== undefined) return children(query.data);
  if (query.error)
    return <ProblemNote error={query.error} what={what} onRetry={() => void query.refetch()} />;
  return skeleton;
}
