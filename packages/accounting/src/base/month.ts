import { assert } from './assert.js';
import { civilFromNs, daysFromCivil } from './instant.js';
import { DAY_NS } from './period.js';
import type { Period } from './period.js';

/**
 * Design: a month of an IANA zone is the half-open span between two local midnights of a first day. The zone's rules
 * are passed in as one function, so the tz data is pinned by the caller and the answer is pure (A6).
 * Invariants: months of one zone tile: end of one is the start of the next, for every zone whose transitions lie more
 * than two days apart. A midnight that a jump skips starts at the jump; one that happens twice starts at the first.
 * Units: ns; offsets are local minus UTC.
 */
export interface Zone {
  /** IANA name, for labels only. */
  readonly name: string;
  /** Offset (local minus UTC) in force at an instant, ns. */
  readonly offsetAt: (utcNs: bigint) => bigint;
}

export interface Month {
  /** '2026-11'. */
  readonly label: string;
  readonly year: number;
  readonly month: number;
  readonly period: Period;
}

export interface ZoneTransition {
  readonly fromNs: bigint;
  readonly offsetNs: bigint;
}

export const UTC: Zone = { name: 'UTC', offsetAt: () => 0n };

/** A zone from a list of transitions in ascending order; before the first, `initialOffsetNs` is in force. */
export function zoneFromTransitions(
  name: string,
  initialOffsetNs: bigint,
  transitions: readonly ZoneTransition[],
): Zone {
  transitions.forEach((next, index) => {
    const before = transitions[index - 1];
    assert(
      before === undefined || before.fromNs < next.fromNs,
      `zone ${name}: transitions are not ascending`,
    );
  });
  const offsetAt = (utcNs: bigint): bigint => {
    let low = 0;
    let high = transitions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((transitions[middle] as ZoneTransition).fromNs <= utcNs) low = middle + 1;
      else high = middle;
    }
    return transitions[low - 1]?.offsetNs ?? initialOffsetNs;
  };
  return { name, offsetAt };
}

/** The billing month of a zone that holds an instant. */
export function monthContaining(instantNs: bigint, zone: Zone): Month {
  const local = civilFromNs(instantNs + zone.offsetAt(instantNs));
  // Around a transition at midnight the local label may stand a month off the tiling; step to the tile that holds it.
  for (const step of [0, -1, 1]) {
    const candidate = monthOf(local.year, local.month + step, zone);
    if (candidate.period.fromNs <= instantNs && instantNs < candidate.period.toNs) return candidate;
  }
  assert(false, `zone ${zone.name}: no month holds ${instantNs}`);
}

/** The month of a zone by number; month 0 and 13 spill into the neighbouring years. */
export function monthOf(year: number, month: number, zone: Zone): Month {
  const index = year * 12 + month - 1;
  const ownYear = Math.floor(index / 12);
  const ownMonth = (index % 12) + 1;
  return {
    label: `${String(ownYear).padStart(4, '0')}-${String(ownMonth).padStart(2, '0')}`,
    year: ownYear,
    month: ownMonth,
    period: { fromNs: monthStartNs(index, zone), toNs: monthStartNs(index + 1, zone) },
  };
}

function monthStartNs(index: number, zone: Zone): bigint {
  const midnightNs = daysFromCivil(Math.floor(index / 12), (index % 12) + 1, 1) * DAY_NS;
  const before = zone.offsetAt(midnightNs - DAY_NS);
  const after = zone.offsetAt(midnightNs + DAY_NS);
  const candidates = [midnightNs - before, midnightNs - after].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  for (const candidate of candidates) {
    if (candidate + zone.offsetAt(candidate) === midnightNs) return candidate;
  }
  return transitionBetween(candidates[0] as bigint, candidates[1] as bigint, zone);
}

/** The midnight does not exist: the month starts at the jump, found by halving between the two candidates. */
function transitionBetween(lowNs: bigint, highNs: bigint, zone: Zone): bigint {
  let low = lowNs - 1n;
  let high = highNs;
  const offsetBefore = zone.offsetAt(low);
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    if (zone.offsetAt(middle) === offsetBefore) low = middle;
    else high = middle;
  }
  return high;
}
