'use client';
import type { ReactNode } from 'react';
import { PageHeader } from './page-header';
import { ProblemNote } from './problem-note';

interface Pending<T> {
  readonly data: T | undefined;
  readonly error: Error | null;
  readonly refetch: () => unknown;
}

interface AnsweredProps<T> {
  readonly query: Pending<T>;
  readonly what: string;
  /** The heading of a page that is nothing but this answer, for when it fails. */
  readonly heading?: string;
  /** The final geometry, shown until there is an answer. */
  readonly skeleton: ReactNode;
  readonly children: (data: T) => ReactNode;
}

/** A part of a page that loads and fails alone. Old data stays while new data is fetched. */
export function Answered<T>({ query, what, heading, skeleton, children }: AnsweredProps<T>) {
  if (query.data !== undefined) return children(query.data);
  if (query.error) {
    const note = <ProblemNote error={query.error} what={what} onRetry={() => void query.refetch()} />;
    return heading ? (
      <>
        <PageHeader title={heading} />
        {note}
      </>
    ) : (
      note
    );
  }
  return skeleton;
}
