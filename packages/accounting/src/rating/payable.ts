import type { Result } from '../base/error.js';
import { fail, ok } from '../base/error.js';
import { minorToPico } from '../base/money.js';
import { subtractRatio, ratio, sumRatios } from '../base/ratio.js';
import type { Ratio } from '../base/ratio.js';
import { allocateByLargestRemainder, picoRatioToMinor, roundHalfEven } from '../base/rounding.js';

/**
 * Design: the grouping that turns exact charges into what is owed, the same for the live bill and the invoice (B5).
 * Per tax group the exact net is rounded once, half-even, and shared over its lines by largest remainder, ties in
 * ascending order of lineId; tax is computed once per group on the rounded net.
 * Invariants: net = sum of lines; total = net + tax; the order of lines changes nothing.
 * Units: minor units of the currency; tax rates in parts per million.
 */
export interface TaxGroup {
  readonly taxGroupId: string;
  readonly name: string;
  /** 0 for untaxed; 190000 for 19 %. */
  readonly ratePpm: bigint;
}

export interface PayableInput {
  readonly currency: string;
  readonly lines: readonly {
    readonly lineId: string;
    readonly taxGroup: string;
    readonly chargePico: Ratio;
  }[];
  readonly taxGroups: readonly TaxGroup[];
}

export interface PayableGroup extends TaxGroup {
  readonly netMinor: bigint;
  readonly taxMinor: bigint;
  /** rounded net - exact net, in pico. */
  readonly roundingPico: Ratio;
}

export interface Payable {
  readonly currency: string;
  readonly netMinor: bigint;
  readonly taxMinor: bigint;
  readonly totalMinor: bigint;
  /** Groups that have lines, in ascending order of id. */
  readonly groups: readonly PayableGroup[];
  readonly netMinorByLine: ReadonlyMap<string, bigint>;
}

/** Errors: tax_group_missing. */
export function payable(input: PayableInput): Result<Payable> {
  const groups: PayableGroup[] = [];
  const netMinorByLine = new Map<string, bigint>();
  for (const id of [...new Set(input.lines.map((line) => line.taxGroup))].sort()) {
    const group = input.taxGroups.find((each) => each.taxGroupId === id);
    if (group === undefined)
      return fail('tax_group_missing', `tax group ${id} was not given`, { taxGroup: id });
    const lines = input.lines.filter((line) => line.taxGroup === id);
    const { total, shares } = allocateByLargestRemainder(
      lines.map((line) => ({ key: line.lineId, value: picoRatioToMinor(line.chargePico, input.currency) })),
    );
    lines.forEach((line, place) => netMinorByLine.set(line.lineId, shares[place] ?? 0n));
    const exactPico = sumRatios(lines.map((line) => line.chargePico));
    groups.push({
      ...group,
      netMinor: total,
      taxMinor: roundHalfEven(ratio(total * group.ratePpm, 1_000_000n)),
      roundingPico: subtractRatio(ratio(minorToPico(total, input.currency)), exactPico),
    });
  }
  const netMinor = groups.reduce((sum, group) => sum + group.netMinor, 0n);
  const taxMinor = groups.reduce((sum, group) => sum + group.taxMinor, 0n);
  return ok({
    currency: input.currency,
    netMinor,
    taxMinor,
    totalMinor: netMinor + taxMinor,
    groups,
    netMinorByLine,
  });
}
