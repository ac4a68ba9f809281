import { randomBytes } from 'node:crypto';
import { wallMilliseconds } from './wall-clock.js';

/*
 * Design: an id is a prefix that names its kind, `_`, and a ULID in lower-case Crockford base 32: 48 bits of
 * milliseconds and 80 random bits, 26 characters. Ids made later sort later, so "newest first" needs no other column.
 * Invariants: within one process ids grow strictly, also inside one millisecond and when the system's clock steps back.
 */

export const idPrefixes = [
  'dom', 'vol', 'ten', 'usr', 'op', 'inv', 'inl', 'key', 'bud', 'hst', 'pln', 'plv', 'evt', 'lea', 'req', 'ltx', 'len',
  'aud', 'job', 'ses', 'acc', 'ver',
] as const; // prettier-ignore

export type IdPrefix = (typeof idPrefixes)[number];

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
const randomBits = 80n;
const body = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/;

let lastMs = 0;
let lastRandom = 0n;

/** A new id such as `dom_01jd5yh2m3x8k4z7q9w0v1t2s3`. */
export function newId(prefix: IdPrefix): string {
  const nowMs = wallMilliseconds();
  if (nowMs > lastMs) {
    lastMs = nowMs;
    lastRandom = BigInt(`0x${randomBytes(10).toString('hex')}`);
  } else {
    // Same millisecond, or a clock that stepped back: the next number keeps the order. An overflow borrows a millisecond.
    lastRandom += 1n + BigInt(randomBytes(2).readUInt16BE());
    if (lastRandom >> randomBits !== 0n) {
      lastMs += 1;
      lastRandom &= (1n << randomBits) - 1n;
    }
  }
  return `${prefix}_${base32((BigInt(lastMs) << randomBits) | lastRandom)}`;
}

/** Whether the text is an id of this kind. It says nothing about whether the thing exists. */
export function isId(prefix: IdPrefix, text: unknown): text is string {
  return (
    typeof text === 'string' && text.startsWith(`${prefix}_`) && body.test(text.slice(prefix.length + 1))
  );
}

function base32(value: bigint): string {
  let text = '';
  for (let shift = 125n; shift >= 0n; shift -= 5n) text += alphabet[Number((value >> shift) & 31n)];
  return text;
}
