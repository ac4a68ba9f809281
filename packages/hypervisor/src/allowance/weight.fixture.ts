import type { Meter } from '../meter/vector.js';
import type { AllowanceWeight } from './allowance-spec.js';

/** A weight that prices each unit of a meter at `numerator`, in any state and with nothing free, but for `more`. */
export function weight(
  resourceId: string,
  meter: Meter,
  numerator = 1n,
  more: Partial<AllowanceWeight> = {},
): AllowanceWeight {
  return { resourceId, meter, state: 'any', numerator, denominator: 1n, free: 0n, ...more };
}
