import type { Ratio } from '../base/ratio.js';
import type { Period } from '../base/period.js';
import type { MeterUnit } from '../catalog/meter.js';
import type { UsageRecord } from '../usage/usage-record.js';

/** Names the arithmetic of this rater; stored with every result so that a later engine never passes for this one. */
export const RATER_VERSION = 'rater.v1';

/** How a monthly cap changed a line: every capped line bears the same share of the reduction. */
export interface CapEffect {
  readonly group: string;
  readonly capScopeId: string;
  readonly capPico: bigint;
  /** Sum of the group's lines before the cap. */
  readonly groupGrossPico: Ratio;
  /** Whether the sum was above the cap. */
  readonly reached: boolean;
}

interface LineBase {
  /** Stable over re-ratings: (resource, item, plan version) or the fee's id. */
  readonly lineId: string;
  readonly resourceId: string;
  readonly item: string;
  readonly description: string;
  readonly taxGroup: string;
  /** Exact charge before tax, in pico. */
  readonly chargePico: Ratio;
}

/** The charge of one item of one resource under one plan version, with everything needed to recompute it (B4). */
export interface UsageLine extends LineBase {
  readonly kind: 'usage';
  readonly capScopeId: string;
  readonly planVersionId: string;
  readonly meter: string;
  readonly unit: MeterUnit;
  /** quantity = includedQuantity + billableQuantity. */
  readonly quantity: bigint;
  readonly includedQuantity: bigint;
  readonly billableQuantity: bigint;
  readonly amountPico: bigint;
  readonly perQuantity: bigint;
  /** billableQuantity x amountPico / perQuantity. */
  readonly grossPico: Ratio;
  readonly cap: CapEffect | null;
  readonly recordCount: number;
  readonly uncut: boolean;
  readonly provisional: boolean;
  readonly sources: readonly UsageRecord[];
}

export interface FixedLine extends LineBase {
  readonly kind: 'fixed';
  readonly amountPico: bigint;
}

export type ChargeLine = UsageLine | FixedLine;

export interface RatedPeriod {
  readonly engine: typeof RATER_VERSION;
  readonly period: Period;
  readonly currency: string;
  /** In ascending order of lineId. */
  readonly lines: readonly ChargeLine[];
  readonly totalPico: Ratio;
  readonly unassigned: readonly UsageRecord[];
}
