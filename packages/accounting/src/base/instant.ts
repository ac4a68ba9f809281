import { DAY_NS, SECOND_NS } from './period.js';
import { floorRatio, ratio } from './ratio.js';

/**
 * Civil dates of the proleptic Gregorian calendar in integer arithmetic (the era algorithm of H. Hinnant, "chrono-
 * compatible low-level date algorithms"): no Date object, so the same bytes on every machine.
 */
export interface CivilDate {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  /** 1 to 31. */
  readonly day: number;
}

export function daysFromCivil(year: number, month: number, day: number): bigint {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return BigInt(era * 146_097 + dayOfEra - 719_468);
}

export function civilFromDays(days: bigint): CivilDate {
  const z = Number(days) + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1,
  };
}

export function civilFromNs(instantNs: bigint): CivilDate {
  return civilFromDays(floorRatio(ratio(instantNs, DAY_NS)));
}

/** RFC 3339 in UTC; digits after the second only where there are any: '2026-11-01T00:00:00Z'. */
export function formatInstant(instantNs: bigint): string {
  const days = floorRatio(ratio(instantNs, DAY_NS));
  const { year, month, day } = civilFromDays(days);
  const ofDay = instantNs - days * DAY_NS;
  const seconds = Number(ofDay / SECOND_NS);
  const fraction = (ofDay % SECOND_NS).toString().padStart(9, '0').replace(/0+$/, '');
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(':');
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}T${clock}${fraction === '' ? '' : `.${fraction}`}Z`;
}

/** Reads RFC 3339 in UTC ('Z' only, up to 9 digits after the second); undefined for anything else. */
export function parseInstant(text: string): bigint | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z$/.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59) return undefined;
  const days = daysFromCivil(year, month, day);
  const back = civilFromDays(days);
  if (back.month !== month || back.day !== day) return undefined;
  const fraction = BigInt((match[7] ?? '').padEnd(9, '0'));
  return days * DAY_NS + BigInt(hour * 3600 + minute * 60 + second) * SECOND_NS + fraction;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
