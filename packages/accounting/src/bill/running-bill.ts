import type { Result } from '../base/error.js';
import { ok } from '../base/error.js';
import type { Ratio } from '../base/ratio.js';
import { floorRatio, sumRatios } from '../base/ratio.js';
import type { ChargeLine, RatedPeriod } from '../rating/charge-line.js';
import type { Payable, TaxGroup } from '../rating/payable.js';
import { payable } from '../rating/payable.js';

export interface RunningBillLine {
  readonly line: ChargeLine;
  /** Exact charge so far, shown rounded down to a pico. */
  readonly accruedPico: bigint;
  /** The line's part of what an invoice of this moment would show, before tax. */
  readonly payableMinor: bigint;
}

/** The bill so far (B5): `accrued` is exact and before tax; `payable` is what an invoice would say if it closed now. */
export interface RunningBill {
  readonly currency: string;
  readonly accrued: Ratio;
  readonly accruedPico: bigint;
  readonly payable: Payable;
  readonly lines: readonly RunningBillLine[];
  /** Whether any line still ends at an inner reading. */
  readonly provisional: boolean;
}

/** Errors: tax_group_missing. */
export function runningBill(rated: RatedPeriod, taxGroups: readonly TaxGroup[]): Result<RunningBill> {
  const owed = payable({ currency: rated.currency, lines: rated.lines, taxGroups });
  if (!owed.ok) return owed;
  return ok({
    currency: rated.currency,
    accrued: rated.totalPico,
    accruedPico: floorRatio(rated.totalPico),
    payable: owed.value,
    lines: rated.lines.map((line) => ({
      line,
      accruedPico: floorRatio(line.chargePico),
      payableMinor: owed.value.netMinorByLine.get(line.lineId) ?? 0n,
    })),
    provisional: rated.lines.some((line) => line.kind === 'usage' && line.provisional),
  });
}

/** Exact accrued amount per resource, for domain pages. */
export function accruedByResource(rated: RatedPeriod): ReadonlyMap<string, Ratio> {
  const terms = new Map<string, Ratio[]>();
  for (const line of rated.lines)
    terms.set(line.resourceId, [...(terms.get(line.resourceId) ?? []), line.chargePico]);
  return new Map([...terms].map(([resourceId, charges]) => [resourceId, sumRatios(charges)]));
}
