import type { GuestImage } from '../abi/guest.js';
import { IMAGES } from '../guest/images.js';
import type { DomainConfig } from '../host/domain-config.js';
import type { Host } from '../host/host.js';
import { createMemoryHost } from '../host/memory-devices.js';

export const SECOND_NS = 1_000_000_000n;

export interface Demand {
  weight: number;
  vcpus: number;
  /** Percent of one pCPU, 0 for none. */
  cap: number;
}

export function hostOf(pcpus: number, seed = 1): Host {
  return createMemoryHost({ pcpus, frames: 1 << 22, xenFrames: 1024, seed }).host;
}

export function start(
  host: Host,
  id: string,
  image: GuestImage = IMAGES.busy,
  options: Partial<DomainConfig> = {},
): number {
  const built = host.createDomain({ name: id, id, vcpus: 1, memoryFrames: 16, image, ...options });
  if (!built.ok) throw new Error(built.detail);
  host.unpause(built.value);
  return built.value;
}

/** One meter of every domain, by id, in seconds. */
export function metersOf(host: Host, index = 0): Map<string, number> {
  return new Map(host.sample().readings.map((r) => [r.resourceId, Number(r.values[index]) / 1e9]));
}

/** What each domain executed between now and `spanS` later, in pCPUs. */
export function sharesOver(host: Host, spanS: number): Map<string, number> {
  const before = metersOf(host);
  host.run(host.nowNs + BigInt(spanS) * SECOND_NS);
  return new Map([...metersOf(host)].map(([id, after]) => [id, (after - (before.get(id) ?? 0)) / spanS]));
}

/**
 * What each of some domains that always compute should get, in pCPUs: by weight per vCPU, where no vCPU has more than one
 * pCPU and no domain more than its cap, and what those leave goes to the others by weight (max-min fairness).
 */
export function fairShares(pcpus: number, demands: readonly Demand[]): number[] {
  const shares = demands.map(() => 0);
  const most = demands.map(({ vcpus, cap }) => Math.min(vcpus, cap === 0 ? Infinity : cap / 100));
  let open = demands.map((_, i) => i);
  let left = pcpus;
  while (open.length > 0) {
    const weightOf = (i: number) => (demands[i] as Demand).weight * (demands[i] as Demand).vcpus;
    const weights = open.reduce((sum, i) => sum + weightOf(i), 0);
    const full = open.filter((i) => (left * weightOf(i)) / weights >= (most[i] as number));
    if (full.length === 0) {
      for (const i of open) shares[i] = (left * weightOf(i)) / weights;
      break;
    }
    for (const i of full) {
      shares[i] = most[i] as number;
      left -= most[i] as number;
    }
    open = open.filter((i) => !full.includes(i));
  }
  return shares;
}
