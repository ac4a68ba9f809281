import { ceilRatio, ratio, sumRatios } from '../base/ratio.js';
import type { Ratio } from '../base/ratio.js';
import type { PlanVersion } from '../catalog/plan.js';
import { chargesIn } from '../catalog/plan.js';
import type { PowerState } from '../catalog/power-state.js';

/** What a domain still holds after it was stopped. */
export interface LandingHoldings {
  /** Frames of 4 KiB. */
  readonly memoryFrames: bigint;
  /** Bytes of all its volumes. */
  readonly diskBytes: bigint;
}

/**
 * The landing reserve of one domain in pico (C5): paused memory for the plan's pause span, then its disks for the
 * retention span. Gross, so allowances and caps are ignored; rounded up. Disks take the dearest state they may be in.
 */
export function landingReservePico(plan: PlanVersion, holdings: LandingHoldings): bigint {
  const { pausedNs, retentionNs } = plan.landing;
  const paused: readonly PowerState[] = ['paused'];
  const stopped: readonly PowerState[] = ['paused', 'suspended', 'halted', 'crashed'];
  return ceilRatio(
    sumRatios([
      grossPico(plan, 'memory.frame_ns', paused, holdings.memoryFrames * pausedNs),
      grossPico(plan, 'state.paused.ns', paused, pausedNs),
      grossPico(plan, 'disk.space.byte_ns', stopped, holdings.diskBytes * retentionNs),
    ]),
  );
}

/** Price of a quantity without allowance or cap, in the dearest of the states: one term per price that may apply. */
function grossPico(plan: PlanVersion, meter: string, states: readonly PowerState[], quantity: bigint): Ratio {
  const perState = states.map((state) => slopePico(plan, meter, state));
  const slope = perState.reduce((dearest, each) =>
    each.num * dearest.den > dearest.num * each.den ? each : dearest,
  );
  return ratio(quantity * slope.num, slope.den);
}

/** What one more unit of a meter costs at most in a state: the sum of the plan's prices on it, in pico. */
export function slopePico(plan: PlanVersion, meter: string, state: PowerState): Ratio {
  const prices = plan.prices.filter((price) => price.meter === meter && chargesIn(price, state));
  return sumRatios(prices.map((price) => ratio(price.model.amountPico, price.model.perQuantity)));
}
