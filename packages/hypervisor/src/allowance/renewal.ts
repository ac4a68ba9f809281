import type { AllowanceRenewal, AllowanceSpec } from './allowance-spec.js';

/** The next renewal after `nowNs`; null when there is none. */
export function nextRenewalNs({ nextNs, everyNs }: AllowanceRenewal, nowNs: bigint): bigint | null {
  if (nextNs > nowNs) return nextNs;
  return everyNs === null ? null : nextNs + ((nowNs - nextNs) / everyNs + 1n) * everyNs;
}

/**
 * Why a renewal is too late: one by hand that is past and has not been done yet. An owner sets the specification in force
 * again for other reasons, and its renewal that has been done stays done.
 */
export function checkRenewalTime(
  { renewal }: AllowanceSpec,
  inForce: AllowanceSpec | undefined,
  nowNs: bigint,
): string | null {
  if (renewal === undefined || nextRenewalNs(renewal, nowNs) !== null) return null;
  if (inForce?.renewal?.nextNs === renewal.nextNs) return null;
  return `renewal.nextNs: after ${nowNs}, got ${renewal.nextNs}`;
}
