// Moments and durations for reading.

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

/** A duration in at most two units: "12 d 4 h", "3 min 5 s". */
export function formatDuration(seconds: number): string {
  const total = Math.max(0, Math.floor(seconds));
  if (total < minute) return `${total} s`;
  if (total < hour) return join(total, minute, 'min', 1, 's');
  if (total < day) return join(total, hour, 'h', minute, 'min');
  return join(total, day, 'd', hour, 'h');
}

function join(total: number, large: number, largeUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((total % large) / small);
  return `${Math.floor(total / large)} ${largeUnit}${rest > 0 ? ` ${rest} ${smallUnit}` : ''}`;
}

/** The time until a limit, in words, from the API's count of seconds; null means that nothing grows. */
export function timeToLimit(seconds: string | null): string {
  if (seconds === null) return 'not reached at this pace';
  const value = Number(seconds);
  if (value <= 0) return 'reached now';
  if (value > 400 * day) return 'more than a year at this pace';
  return `about ${formatDuration(value)} at this pace`;
}

/** How long ago, coarsely, and the date once it is over a week. */
export function formatAgo(at: string, now: number): string {
  const seconds = (now - Date.parse(at)) / 1000;
  if (seconds < 5) return 'just now';
  if (seconds < minute) return `${Math.floor(seconds)} s ago`;
  if (seconds < hour) return `${Math.floor(seconds / minute)} min ago`;
  if (seconds < day) return `${Math.floor(seconds / hour)} h ago`;
  if (seconds < 7 * day) return `${Math.floor(seconds / day)} d ago`;
  return formatDate(at);
}

/** "22 Nov 2025" in the given zone (UTC when none is given, as periods are). */
export function formatDate(at: string, timeZone = 'UTC'): string {
  return new Date(at).toLocaleDateString('en-GB', {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    timeZone,
  });
}

/** "22 Nov 2025, 14:03:22" in the given zone (the reader's own when none is given). */
export function formatMoment(at: string, timeZone?: string): string {
  const day = { day: 'numeric', month: 'short', year: 'numeric' } as const;
  const clock = { hour: '2-digit', minute: '2-digit', second: '2-digit' } as const;
  return new Date(at).toLocaleString('en-GB', { ...day, ...clock, timeZone });
}

export function formatClock(at: string): string {
  return new Date(at).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
}

/** A half-open period as people say it: "1 Nov 2025 – 30 Nov 2025" (the end itself is not in it). */
export function formatPeriod(period: { start: string; end: string }, timeZone = 'UTC'): string {
  const lastMoment = new Date(Date.parse(period.end) - 1).toISOString();
  const [first, last] = [formatDate(period.start, timeZone), formatDate(lastMoment, timeZone)];
  return first === last ? first : `${first} – ${last}`;
}

export function monthName(at: string, timeZone = 'UTC'): string {
  return new Date(at).toLocaleDateString('en-GB', { month: 'long', timeZone });
}
