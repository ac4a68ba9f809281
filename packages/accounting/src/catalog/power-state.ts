/** What a metered resource's domain was doing over a span. `migrating` is the target's copy before the commit. */
export const POWER_STATES = ['running', 'paused', 'suspended', 'halted', 'crashed', 'migrating'] as const;

export type PowerState = (typeof POWER_STATES)[number];

export function isPowerState(value: unknown): value is PowerState {
  return POWER_STATES.some((state) => state === value);
}
