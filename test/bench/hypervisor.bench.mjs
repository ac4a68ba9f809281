// How fast one emulated host works, how exactly it shares and counts, and what neighbours can do to each other.
import { neighbourLoss } from './hypervisor/isolation.mjs';
import { meteringCost } from './hypervisor/metering.mjs';
import { modelOverMeasured } from './hypervisor/model.mjs';
import { capError, manyDomains, unbilledShare, weightError } from './hypervisor/sharing.mjs';
import { eventRoundtrip, hypercallsPerSecond, slicesPerSecond, tickCostGrowth } from './hypervisor/speed.mjs';

export async function* figures({ isSmall }) {
  yield slicesPerSecond(isSmall);
  yield await tickCostGrowth(isSmall);
  yield hypercallsPerSecond(isSmall);
  yield eventRoundtrip(isSmall);
  yield await meteringCost(isSmall);
  yield weightError(isSmall);
  yield capError(isSmall);
  yield manyDomains(isSmall);
  yield neighbourLoss(isSmall);
  yield unbilledShare(isSmall);
  yield modelOverMeasured(isSmall);
}
