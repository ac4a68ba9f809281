import { describe, expect, test } from '@jest/globals';
import type { AllowanceWeight } from './allowance-spec.js';
import { IMAGES } from '../guest/images.js';
import { diskHammer } from '../host/disk-hammer.fixture.js';
import type { Machine } from '../host/machine.js';
import { createMemoryHost } from '../host/memory-devices.js';

const MS = 1_000_000n;

/** `members` domains under one allowance: one with a busy disk, the others asleep. */
function rig(members: number, balance: bigint) {
  const made = createMemoryHost({ pcpus: 4, frames: 1 << 20, xenFrames: 256, seed: 5 });
  const { host } = made;
  host.openVolume({ id: 'vol', sizeBytes: 1n << 20n });
  const weights: AllowanceWeight[] = [];
  const price = { state: 'any', denominator: 1n, free: 0n } as const;
  const ids: string[] = [];
  const domIds: number[] = [];
  for (let i = 0; i < members; i += 1) {
    const id = `d${i}`;
    const built = host.createDomain({
      name: id,
      id,
      vcpus: 1,
      memoryFrames: 10,
      volumes: i === 0 ? [{ volumeId: 'vol' }] : [],
      image: i === 0 ? diskHammer : IMAGES.idle,
    });
    if (!built.ok) throw new Error(built.detail);
    ids.push(id);
    domIds.push(built.value);
    weights.push({ resourceId: id, meter: 'cpu.ns', numerator: 10_000n, ...price });
    weights.push({ resourceId: id, meter: 'memory.frame_ns', numerator: 1n, ...price });
  }
  weights.push({ resourceId: 'vol', meter: 'disk.write.bytes', numerator: 7n, ...price });
  for (const domId of domIds.slice(1)) host.unpause(domId);
  // Building is work of the host, which is done before anything is compared.
  host.run(2_000n * MS);
  const set = host.setAllowance({ id: 'tenant', members: ids, balance, weights, policy: 'pause' });
  if (!set.ok) throw new Error(set.detail);
  const startDisk = () => host.unpause(domIds[0] as number);
  const machine = (host as unknown as { machine: Machine }).machine;
  return { ...made, domIds, startDisk, stats: machine.allowances.stats };
}

describe('what allowances cost', () => {
  test('A11 a change of one member looks at its own items alone, whether the allowance has 10 members or 1,000', () => {
    const looks = [10, 1000].map((members) => {
      const { host, domIds, stats } = rig(members, 1n << 100n);
      const before = { ...stats };
      for (let i = 0; i < 50; i += 1) {
        host.pause(domIds[5] as number, 'tenant');
        host.run(host.nowNs + 1000n);
        host.unpause(domIds[5] as number, 'tenant');
      }
      expect(stats.fullLooks - before.fullLooks).toBe(0);
      return stats.itemsLookedAt - before.itemsLookedAt;
    });
    expect(looks).toEqual([200, 200]);
  });

  test('A11 acts look at their own item alone, whether the allowance has 10 members or 1,000', () => {
    const looks = [10, 1000].map((members) => {
      const { host, startDisk, stats } = rig(members, 1n << 100n);
      startDisk();
      const before = { ...stats };
      const requests = host.stats().blockRequests;
      host.run(host.nowNs + 100n * MS);
      expect(stats.fullLooks - before.fullLooks).toBe(0);
      const done = host.stats().blockRequests - requests;
      expect(done).toBeGreaterThan(20);
      return (stats.itemsLookedAt - before.itemsLookedAt) / done;
    });
    // At most admitted and released, for each request.
    for (const perRequest of looks) expect(perRequest).toBeLessThanOrEqual(2);
    expect(looks[0]).toBeGreaterThan(0.5);
  });

  test('A11 on the way to the balance the full looks grow with its logarithm, not with time or acts', () => {
    // The members could burn four pCPUs and burn next to none: at each look the bound closes in on the balance by a part.
    const { host, startDisk, stats } = rig(1000, 3_000_000n * MS);
    startDisk();
    const before = { ...stats };
    host.run(host.nowNs + 500n * MS);
    const status = host.allowances()[0];
    expect(status?.state).toBe('exhausted');
    expect(host.stats().blockRequests).toBeGreaterThan(50);
    expect(stats.fullLooks - before.fullLooks).toBeLessThan(60);
  });
});
