import { setTimeout as delay } from 'node:timers/promises';

/** Generous: the machine may be slow and busy. A test that fails for want of time says what it waited for. */
const timeoutMs = 60_000;
const lookEveryMs = 25;

/** Looks until there is an answer other than undefined, null or false, and gives it. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== null && found !== false)
      return found as NonNullable<Exclude<T, false>>;
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs / 1000} s in vain: ${what}`);
    await delay(lookEveryMs);
  }
}
