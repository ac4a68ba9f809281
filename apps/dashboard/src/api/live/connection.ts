'use client';
import { useSyncExternalStore } from 'react';

/** live: the stream speaks; connecting: opening or catching up; offline: it has been silent too long. */
export type Connection = 'live' | 'connecting' | 'offline';

let current: Connection = 'connecting';
const listeners = new Set<() => void>();

export function setConnection(next: Connection): void {
  if (next === current) return;
  current = next;
  for (const listener of listeners) listener();
}

export function useConnection(): Connection {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
    () => 'connecting' as const,
  );
}

/** Polls only while something moves, and often only while the stream is not there to tell. */
export function useFallbackPolling(): (moving: boolean) => number | false {
  const connection = useConnection();
  return (moving) => (moving ? (connection === 'live' ? 4000 : 1500) : false);
}
