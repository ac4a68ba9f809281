import type { MeterName } from './meter.js';
import type { MonthlyCap, PlanVersion, Price } from './plan.js';

/** Test data only: a price and a plan with everything a test does not care about filled in. */
export function testPrice(
  meter: MeterName,
  amountPico: bigint,
  perQuantity: bigint,
  more: Partial<Omit<Price, 'model'>> & { readonly includedQuantity?: bigint } = {},
): Price {
  const { includedQuantity = 0n, ...rest } = more;
  return {
    item: meter,
    description: `use of ${meter}`,
    meter,
    states: 'any',
    taxGroup: 'standard',
    ...rest,
    model: { kind: 'unit', amountPico, perQuantity, includedQuantity },
  };
}

export function testPlan(
  planVersionId: string,
  prices: readonly Price[],
  caps: readonly MonthlyCap[] = [],
): PlanVersion {
  return {
    planVersionId,
    planId: 'small',
    version: 1n,
    name: 'Small',
    description: 'One vcpu',
    currency: 'EUR',
    validFromNs: 0n,
    size: { vcpus: 1n, memoryFrames: 65_536n, diskBytes: 2n ** 30n },
    landing: { pausedNs: 600_000_000_000n, retentionNs: 3_600_000_000_000n },
    prices,
    caps,
  };
}
