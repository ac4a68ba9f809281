/** The first moment of the month after the given one, in UTC, as RFC 3339. */
export function nextPeriodStart(now: string): string {
  const at = new Date(now);
  return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1)).toISOString().replace('.000Z', 'Z');
}

/** Reads "2025-12-01 00:00" or RFC 3339 as a UTC moment; null when it is neither. */
export function readMoment(text: string): string | null {
  const match = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2}))?(?:\.\d+)?Z?)?$/.exec(text.trim());
  if (!match) return null;
  const at = new Date(`${match[1]}T${match[2] ?? '00:00'}:${match[3] ?? '00'}Z`);
  if (Number.isNaN(at.getTime()) || !at.toISOString().startsWith(match[1] ?? '')) return null;
  return at.toISOString().replace('.000Z', 'Z');
}
