import type { Zone } from '@xenorack/accounting';

/**
 * An IANA zone from the tz data this Node ships (its version is process.versions.tz). Offsets are looked up per whole
 * quarter hour, because every offset in use changes on one, and kept.
 * Errors: RangeError for a name that is no IANA zone.
 */
export function zoneOf(name: string): Zone {
  const known = zones.get(name);
  if (known) return known;
  const format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
  const offsets = new Map<bigint, bigint>();
  const zone: Zone = {
    name,
    offsetAt: (utcNs) => {
      const quarter = utcNs / QUARTER_NS;
      let offset = offsets.get(quarter);
      if (offset === undefined) {
        offset = readOffset(format, quarter);
        if (offsets.size >= OFFSETS_MAX) offsets.clear();
        offsets.set(quarter, offset);
      }
      return offset;
    },
  };
  zones.set(name, zone);
  return zone;
}

const QUARTER_NS = 900_000_000_000n;
const QUARTER_MS = 900_000;
const OFFSETS_MAX = 10_000;
const zones = new Map<string, Zone>();

/** Reads `GMT`, `GMT+01:00` or `GMT-03:30:45`. */
function readOffset(format: Intl.DateTimeFormat, quarter: bigint): bigint {
  const parts = format.formatToParts(new Date(Number(quarter) * QUARTER_MS));
  const text = parts.find((part) => part.type === 'timeZoneName')?.value ?? 'GMT';
  const match = /^GMT(?:([+-])(\d{2}):(\d{2})(?::(\d{2}))?)?$/.exec(text);
  if (!match) throw new RangeError(`offset ${text} can not be read`);
  if (!match[1]) return 0n;
  const seconds = BigInt(match[2]!) * 3_600n + BigInt(match[3]!) * 60n + BigInt(match[4] ?? '0');
  return (match[1] === '-' ? -seconds : seconds) * 1_000_000_000n;
}
