import type { GuestImage } from '../../abi/guest.js';
import { type XsAnswer, xsText } from '../../abi/xs-wire.js';
import { GuestKernel, type TaskRoutine } from '../../guest/kernel.js';
import { XenstoreClient } from '../../guest/xenstore-client.js';
import type { DomainConfig } from '../domain-config.js';
import { createMemoryHost } from '../memory-devices.js';

export const MS = 1_000_000n;

/** A guest that runs this with its own client of the store; it stays when that is done. */
export function program(
  run: (client: XenstoreClient, kernel: GuestKernel) => TaskRoutine,
  name = 'program',
): GuestImage {
  return {
    name,
    boot(info) {
      const kernel = new GuestKernel(info);
      kernel.spawn(run(new XenstoreClient(kernel), kernel));
      return kernel.asGuest();
    },
  };
}

export function text(answer: XsAnswer<Uint8Array>): string {
  return answer.ok ? xsText(answer.value) : answer.errno;
}

export function rig() {
  const made = createMemoryHost({ pcpus: 2, frames: 1 << 16, xenFrames: 256, seed: 3 });
  const { host } = made;
  const build = (id: string, image: GuestImage, more: Partial<DomainConfig> = {}): number => {
    const built = host.createDomain({ name: id, id, vcpus: 1, memoryFrames: 64, image, ...more });
    if (!built.ok) throw new Error(built.detail);
    return built.value;
  };
  const start = (id: string, image: GuestImage, more: Partial<DomainConfig> = {}): number => {
    const domId = build(id, image, more);
    host.unpause(domId);
    return domId;
  };
  const listing = (path: string): string[] => {
    const list = host.xenstoreList(path);
    if (!list.ok) return [list.errno];
    return list.value.map((l) => `${l.path} = ${l.value} (${l.permissions.join()})`);
  };
  const meter = (id: string, index: number): bigint => {
    const reading = host.sample().readings.find((r) => r.resourceId === id);
    return reading?.values[index] ?? -1n;
  };
  const store = host['machine'].xenstore.store;
  return { ...made, build, start, listing, meter, store };
}
