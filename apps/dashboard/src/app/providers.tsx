'use client';
import { QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { ThemeProvider } from 'next-themes';
import { NuqsAdapter } from 'nuqs/adapters/next/app';
import { useState, type ReactNode } from 'react';
import { Toaster } from 'sonner';
import { ApiProblem } from '../api/problem';
import { queryKeys } from '../api/query-keys';

function newQueryClient(): QueryClient {
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({
      // A session that ended shows on whichever request comes next; asking again who is signed in leads to sign-in.
      onError: (error, query) => {
        const expired = error instanceof ApiProblem && error.status === 401;
        if (expired && query.queryKey[0] !== queryKeys.me[0]) {
          void client.invalidateQueries({ queryKey: queryKeys.me });
        }
      },
    }),
    defaultOptions: {
      queries: {
        staleTime: 5000,
        refetchOnWindowFocus: true,
        retry: (count, error) => count < 2 && (!(error instanceof ApiProblem) || error.retryable),
      },
    },
  });
  return client;
}

export function Providers({ children }: { children: ReactNode }) {
  const [client] = useState(newQueryClient);
  return (
    <ThemeProvider attribute="class" defaultTheme="system" enableSystem disableTransitionOnChange>
      <QueryClientProvider client={client}>
        <NuqsAdapter>{children}</NuqsAdapter>
      </QueryClientProvider>
      <Toaster
        position="bottom-right"
        toastOptions={{ className: '!bg-card !text-ink !border-line !rounded-xl !font-sans' }}
      />
    </ThemeProvider>
  );
}
