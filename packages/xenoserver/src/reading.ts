/**
 * The reading: one cumulative observation of one incarnation, as it is journalled, sent and proven.
 *
 * Design. A reading is hashed in one canonical binary form, so its JSON may be stored and re-encoded freely. Each
 * reading names the hash of its predecessor: the chain of an incarnation starts at the last hash of the same
 * resource's previous incarnation on this host, or at 32 zero bytes.
 *
 * Canonical form (big endian): "XRR1", u8 vector version, str incarnation, u8 resource kind, str resource, str tenant,
 * u64 seq, u64 hostNs, i64 utcNs, u8 reading kind, u8 power state, str reason, u16 count, count x u128 values,
 * 32 bytes prev. `str` is u16 length + UTF-8.
 */
import { createHash } from 'node:crypto';

export type ResourceKind = 'domain' | 'volume';
/** `open` is seq 0 (all zeros), `inner` a live reading, `cut` a window edge, `close` the last of an incarnation. */
export type ReadingKind = 'open' | 'inner' | 'cut' | 'close';
/** State from this reading on. A volume is `present` while it exists. */
export type ReadingState = 'running' | 'paused' | 'halted' | 'crashed' | 'present';

export interface WireReading {
  /** `<host>/<boot epoch>/<serial>` */
  incarnation: string;
  resourceKind: ResourceKind;
  resourceId: string;
  tenantId: string;
  seq: number;
  /** Host-monotonic ns since the host's boot. */
  hostNs: string;
  /** Label: UTC ns since 1970, fixed by the host when the reading is taken. */
  utcNs: string;
  kind: ReadingKind;
  state: ReadingState;
  /** Why the reading was taken: `tick`, `quarter-hour`, `start`, `pause:tenant`, `pause:allowance`, `destroy`, ... */
  reason: string;
  /** Version of the closed meter list of this resource kind. */
  vector: number;
  values: string[];
  /** Hex SHA-256. */
  prev: string;
  hash: string;
}

export const ZERO_HASH = '0'.repeat(64);

const RESOURCE_KINDS: readonly ResourceKind[] = ['domain', 'volume'];
const READING_KINDS: readonly ReadingKind[] = ['open', 'inner', 'cut', 'close'];
const STATES: readonly ReadingState[] = ['running', 'paused', 'halted', 'crashed', 'present'];
const U64_MAX = (1n << 64n) - 1n;
const U128_MAX = (1n << 128n) - 1n;

function str(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length > 0xffff) throw new RangeError(`reading text of ${bytes.length} bytes, at most 65535`);
  const head = Buffer.alloc(2);
  head.writeUInt16BE(bytes.length);
  return Buffer.concat([head, bytes]);
}

function index<T>(list: readonly T[], item: T, field: string): Buffer {
  const at = list.indexOf(item);
  if (at < 0) throw new RangeError(`reading ${field} is ${String(item)}, expected one of ${list.join(', ')}`);
  return Buffer.from([at]);
}

/** Canonical bytes of a reading. Throws RangeError naming the field when a value does not fit its form. */
export function encodeReading(reading: Omit<WireReading, 'hash'>): Buffer {
  const fixed = Buffer.alloc(24);
  const hostNs = BigInt(reading.hostNs);
  if (hostNs < 0n || hostNs > U64_MAX) throw new RangeError(`reading hostNs ${reading.hostNs} is not a u64`);
  fixed.writeBigUInt64BE(BigInt(reading.seq), 0);
  fixed.writeBigUInt64BE(hostNs, 8);
  fixed.writeBigInt64BE(BigInt(reading.utcNs), 16);
  const values = Buffer.alloc(2 + reading.values.length * 16);
  values.writeUInt16BE(reading.values.length, 0);
  reading.values.forEach((text, at) => {
    const value = BigInt(text);
    if (value < 0n || value > U128_MAX) throw new RangeError(`reading values[${at}] ${text} is not a u128`);
    values.writeBigUInt64BE(value >> 64n, 2 + at * 16);
    values.writeBigUInt64BE(value & U64_MAX, 10 + at * 16);
  });
  const prev = Buffer.from(reading.prev, 'hex');
  if (prev.length !== 32) throw new RangeError(`reading prev is ${prev.length} bytes, expected 32`);
  return Buffer.concat([
    Buffer.from('XRR1'),
    Buffer.from([reading.vector]),
    str(reading.incarnation),
    index(RESOURCE_KINDS, reading.resourceKind, 'resourceKind'),
    str(reading.resourceId),
    str(reading.tenantId),
    fixed,
    index(READING_KINDS, reading.kind, 'kind'),
    index(STATES, reading.state, 'state'),
    str(reading.reason),
    values,
    prev,
  ]);
}

/** Hex SHA-256 of the canonical form. */
export function hashReading(reading: Omit<WireReading, 'hash'>): string {
  return createHash('sha256').update(encodeReading(reading)).digest('hex');
}
