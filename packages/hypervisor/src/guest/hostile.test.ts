import { describe, expect, test } from '@jest/globals';
import { IMAGES } from './images.js';
import { HOSTILE_KINDS } from './workloads.js';
import { createMemoryHost } from '../host/memory-devices.js';

const SPAN = 240_000_000n;
const CRASHING = new Set(['throws', 'yields-garbage', 'impossible-work', 'impersonates-driver']);

describe('hostile guests', () => {
  test.each(HOSTILE_KINDS)(
    'G6 %s harms only its own domain: the neighbour keeps its share, the books close',
    (kind) => {
      const { host } = createMemoryHost({ pcpus: 1, frames: 1 << 16, xenFrames: 256, seed: 1 });
      host.openVolume({ id: 'vol', sizeBytes: 1n << 16n });
      const base = { vcpus: 1, memoryFrames: 64 };
      const bad = host.createDomain({
        ...base,
        name: 'bad',
        id: 'bad',
        image: IMAGES.hostile,
        commandLine: kind,
        volumes: [{ volumeId: 'vol' }],
      });
      const good = host.createDomain({ ...base, name: 'good', id: 'good', image: IMAGES.busy });
      if (!bad.ok || !good.ok) throw new Error('cannot build');
      host.unpause(bad.value);
      host.unpause(good.value);
      host.run(SPAN);
      const { readings, balance } = host.sample();
      const cpuOf = (id: string) => readings.find((r) => r.resourceId === id)?.values ?? [];
      const lost = Number(balance.pcpus[0]?.overheadNs);
      const driven = Number(cpuOf('bad')[1]);
      const share = Number(cpuOf('good')[0]) / (Number(SPAN) - lost - driven);
      expect(share).toBeGreaterThan(CRASHING.has(kind) ? 0.99 : 0.48);
      expect(host.list().find((d) => d.id === 'bad')?.power).toBe(CRASHING.has(kind) ? 'crashed' : 'running');
      expect(host.list().find((d) => d.id === 'good')?.power).toBe('running');
      expect(host.list().filter((d) => d.driver && d.power !== 'running')).toEqual([]);
      if (!CRASHING.has(kind)) expect(cpuOf('bad')[0]).toBeGreaterThan(0n);
    },
  );
});
