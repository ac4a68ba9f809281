import type { MeterName } from './meter.js';
import { meterDefinition } from './meter.js';
import type { PowerState } from './power-state.js';

/**
 * A price per quantity of one meter. `includedQuantity` is free per resource and billing period, in full however
 * short the resource lived, and shared by all states the price covers.
 * Later models (graduated, volume, package) join this union by their `kind`.
 */
export interface UnitModel {
  readonly kind: 'unit';
  /** Charged for every `perQuantity` of the meter's base unit, in 10^-12 of the plan's currency unit. */
  readonly amountPico: bigint;
  readonly perQuantity: bigint;
  readonly includedQuantity: bigint;
}

export type PriceModel = UnitModel;

export interface Price {
  /** Names the item inside its plan, and across versions of a plan: allowances carry over by it. */
  readonly item: string;
  readonly description: string;
  readonly meter: MeterName;
  /** Power states in which the meter is charged under this price. */
  readonly states: readonly PowerState[] | 'any';
  readonly model: PriceModel;
  /** Prices of one group share the plan's monthly cap of that name. */
  readonly capGroup?: string;
  readonly taxGroup: string;
}

/** The most that the prices of a group may come to per domain and billing period, before tax. */
export interface MonthlyCap {
  readonly group: string;
  readonly monthlyCapPico: bigint;
}

/** What a domain of this plan holds; the API's create form and the estimate start from it. */
export interface PlanSize {
  readonly vcpus: bigint;
  /** Frames of 4 KiB. */
  readonly memoryFrames: bigint;
  readonly diskBytes: bigint;
}

/** How long a stopped domain lives on its landing reserve (C5). */
export interface LandingTerms {
  /** Paused memory is reserved for this long. */
  readonly pausedNs: bigint;
  /** Disks are kept for this long. */
  readonly retentionNs: bigint;
}

/** One immutable version of a plan: sizes and prices. Changing anything makes a new version (B1). */
export interface PlanVersion {
  readonly planVersionId: string;
  readonly planId: string;
  readonly version: bigint;
  readonly name: string;
  readonly description: string;
  readonly currency: string;
  /** Sold from this instant on (valid time), ns UTC. */
  readonly validFromNs: bigint;
  readonly size: PlanSize;
  readonly landing: LandingTerms;
  readonly prices: readonly Price[];
  readonly caps: readonly MonthlyCap[];
}

/** Whether a price charges its meter in a power state: it names the state, and the meter can be charged in it (B3). */
export function chargesIn(price: Price, state: PowerState): boolean {
  if (meterDefinition(price.meter)?.chargedIn.includes(state) !== true) return false;
  return price.states === 'any' || price.states.includes(state);
}

export function capOf(plan: PlanVersion, group: string): bigint | undefined {
  return plan.caps.find((cap) => cap.group === group)?.monthlyCapPico;
}
