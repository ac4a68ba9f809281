import { expect } from '@jest/globals';
import type { GuestImage, StartInfo } from '../abi/guest.js';
import type { HypercallAnswer } from '../abi/hypercall.js';
import { auditMachine } from '../fuzz/audit-machine.sim.js';
import { coroutineGuest, type GuestEffect, type GuestRoutine } from '../guest/coroutine.js';
import { IMAGES } from '../guest/images.js';
import type { DomainConfig } from './domain-config.js';
import type { Host } from './host.js';
import type { Machine } from './machine.js';
import { createMemoryHost } from './memory-devices.js';

export const MS_NS = 1_000_000n;
export const PAGE = 4096;

export function rig(frames = 1 << 14) {
  const { host } = createMemoryHost({ pcpus: 1, frames, xenFrames: 64, seed: 1 });
  return { host, machine: Reflect.get(host, 'machine') as Machine };
}

export function build(host: Host, config: Partial<DomainConfig> = {}): number {
  const built = host.createDomain({
    name: 'a',
    id: 'a',
    vcpus: 1,
    memoryFrames: 64,
    image: IMAGES.idle,
    ...config,
  });
  if (!built.ok) throw new Error(built.detail);
  host.unpause(built.value);
  return built.value;
}

/** Makes one call in a guest's routine. */
export function* call(structure: object): GuestRoutine<HypercallAnswer | undefined> {
  return yield { do: 'hypercall', call: structure } as GuestEffect;
}

export function script(run: (info: StartInfo) => GuestRoutine): GuestImage {
  return {
    name: 'script',
    boot: (info) =>
      coroutineGuest(function* () {
        yield* run(info);
        for (;;) yield { do: 'block' };
      }),
  };
}

/** Runs a guest's routine in a domain of its own and audits the machine afterwards. */
export function perform(run: (info: StartInfo) => GuestRoutine, config: Partial<DomainConfig> = {}) {
  const { host, machine } = rig();
  const domId = build(host, { image: script(run), ...config });
  host.run(100n * MS_NS);
  auditMachine(machine);
  const info = host.list().find((d) => d.domId === domId);
  expect(info).toMatchObject({ power: 'running', crashMessage: '' });
  return { host, machine, domId, info };
}

export function frameAt(info: StartInfo, gfn: number): number {
  const list = info.pageTables?.machineFrameList ?? -1;
  const bytes = info.memory.load(list + gfn * 8, 4) as Uint8Array;
  return new DataView(bytes.buffer).getUint32(0, true);
}
