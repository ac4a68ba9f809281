import { formatInstant } from '@xenorack/accounting';

/** UTC nanoseconds as RFC 3339 with millisecond digits at most: what people and charts read. */
export function instantWire(utcNs: bigint): string {
  return formatInstant(utcNs - (((utcNs % 1_000_000n) + 1_000_000n) % 1_000_000n));
}

/** UTC nanoseconds with every digit, where the instant itself is the proof. */
export function exactInstantWire(utcNs: bigint): string {
  return formatInstant(utcNs);
}
