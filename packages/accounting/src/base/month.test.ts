import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { civilFromDays, daysFromCivil, formatInstant, parseInstant } from './instant.js';
import type { Zone } from './month.js';
import { UTC, monthContaining, monthOf, zoneFromTransitions } from './month.js';
import { DAY_NS, HOUR_NS } from './period.js';

/** A zone from the tz data of the runtime: the tests' independent source, never the package's. */
function runtimeZone(name: string): Zone {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
  return {
    name,
    offsetAt: (utcNs) => {
      const label = format
        .formatToParts(Number(utcNs / 1_000_000n))
        .find((part) => part.type === 'timeZoneName')?.value;
      const match = /GMT([+-])(\d\d):(\d\d)/.exec(label ?? '');
      if (match === null) return 0n;
      const minutes = BigInt(match[2] as string) * 60n + BigInt(match[3] as string);
      return (match[1] === '-' ? -minutes : minutes) * 60_000_000_000n;
    },
  };
}

describe('instants', () => {
  test('A6: civil dates and RFC 3339 text agree with the runtime over four centuries', () => {
    fc.assert(
      fc.property(fc.integer({ min: -73_000, max: 73_000 }), (days) => {
        const date = new Date(days * 86_400_000);
        const civil = civilFromDays(BigInt(days));
        expect(civil).toEqual({
          year: date.getUTCFullYear(),
          month: date.getUTCMonth() + 1,
          day: date.getUTCDate(),
        });
        expect(daysFromCivil(civil.year, civil.month, civil.day)).toBe(BigInt(days));
        const text = formatInstant(BigInt(days) * DAY_NS + 3_661_000_000_001n);
        expect(text).toBe(`${date.toISOString().slice(0, 10)}T01:01:01.000000001Z`);
        expect(parseInstant(text)).toBe(BigInt(days) * DAY_NS + 3_661_000_000_001n);
      }),
      { seed: 13, numRuns: 500 },
    );
  });

  test.each([
    '2026-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:00:00+01:00',
    '',
  ])('A6: %j is refused', (text) => {
    expect(parseInstant(text)).toBeUndefined();
  });
});

describe('months of a zone', () => {
  const names = [
    'UTC',
    'Europe/Berlin',
    'America/New_York',
    'Asia/Kolkata',
    'Australia/Lord_Howe',
    'Africa/Casablanca',
  ];
  const odd = [
    'Asia/Kathmandu',
    'Pacific/Apia',
    'America/Havana',
    'Asia/Beirut',
    'Africa/Cairo',
    'America/Asuncion',
  ];

  test.each([...names, ...odd])(
    'A6: in %s months tile, start at local midnight and hold every instant once',
    (name) => {
      const zone = runtimeZone(name);
      for (let year = 2018; year <= 2027; year += 1) {
        for (let month = 1; month <= 12; month += 1) {
          const { period } = monthOf(year, month, zone);
          const midnight = daysFromCivil(year, month, 1) * DAY_NS;
          expect(monthOf(year, month - 1, zone).period.toNs).toBe(period.fromNs);
          // Local label of the first instant: midnight itself, or up to an hour later when midnight was skipped.
          const label = period.fromNs + zone.offsetAt(period.fromNs) - midnight;
          expect(label >= 0n && label <= HOUR_NS).toBe(true);
          for (const instant of [period.fromNs, period.toNs - 1n, (period.fromNs + period.toNs) / 2n]) {
            expect(monthContaining(instant, zone).period).toEqual(period);
          }
        }
      }
    },
  );

  test('A6: a midnight that a jump skips starts the month at the jump, one that comes twice starts it once', () => {
    const first = daysFromCivil(2026, 4, 1) * DAY_NS;
    // At local 2026-03-31 23:30 the clock jumps to 00:30.
    const skipping = zoneFromTransitions('test/skip', 0n, [
      { fromNs: first - HOUR_NS / 2n, offsetNs: HOUR_NS },
    ]);
    expect(monthOf(2026, 4, skipping).period.fromNs).toBe(first - HOUR_NS / 2n);
    // At local 2026-04-01 00:30 the clock goes back to 23:30.
    const twice = zoneFromTransitions('test/twice', HOUR_NS, [
      { fromNs: first - HOUR_NS / 2n, offsetNs: 0n },
    ]);
    expect(monthOf(2026, 4, twice).period.fromNs).toBe(first - HOUR_NS);
    for (const zone of [skipping, twice]) {
      for (let step = -8n; step <= 8n; step += 1n) {
        const instant = first + (step * HOUR_NS) / 4n;
        const { period } = monthContaining(instant, zone);
        expect(period.fromNs <= instant && instant < period.toNs).toBe(true);
      }
    }
  });

  test('A6: months have names', () => {
    expect(monthContaining(parseInstant('2026-11-22T11:09:08Z') ?? 0n, UTC).label).toBe('2026-11');
    expect(monthOf(2026, 13, UTC).label).toBe('2027-01');
    expect(monthOf(2026, 0, UTC).label).toBe('2025-12');
  });
});
