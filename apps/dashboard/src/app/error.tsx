'use client';
import { ProblemNote } from '../ui/problem-note';

export default function PageError({ error, reset }: { error: Error; reset: () => void }) {
  return (
    <main className="mx-auto max-w-lg px-4 py-24">
      <h1 className="mb-4 text-2xl font-semibold tracking-[-0.02em]">This page failed</h1>
      <ProblemNote error={error} onRetry={reset} />
    </main>
  );
}
