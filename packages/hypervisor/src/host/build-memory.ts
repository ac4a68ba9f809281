import { assert } from '../base/assert.js';
import { type ErrnoName, refuse } from '../abi/errno.js';
import type { Domain } from '../domain/domain.js';
import { AddressSpace } from '../memory/address-space.js';
import { buildBootstrapTables } from '../memory/bootstrap-tables.js';
import { DomainMemory } from '../memory/guest-memory.js';
import type { Machine } from './machine.js';

interface MemoryPlan {
  memoryFrames: number;
  memoryFramesMax: number;
  pageTables: boolean;
}

/**
 * Claims a domain's frames, populates them and releases the claim, so that no other allocation comes between.
 * @returns Why the host cannot, with nothing taken; null when the domain has its address space.
 */
export function buildMemory(
  machine: Machine,
  domain: Domain,
  plan: MemoryPlan,
): { ok: false; errno: ErrnoName; detail: string } | null {
  const { frames, tables } = machine;
  const { domId } = domain.identity;
  frames.openDomain(domId, plan.memoryFramesMax);
  if (frames.claim(domId, plan.memoryFrames) < 0) {
    frames.closeDomain(domId);
    return refuse('ENOMEM', `memoryFrames: ${frames.unclaimedFrames} free, got ${plan.memoryFrames}`);
  }
  const initialFrames = frames.allocate(domId, plan.memoryFrames);
  assert(initialFrames !== null, 'frames that were claimed are not there');
  frames.claim(domId, 0);
  domain.space = new AddressSpace(frames, tables, domId, {
    initialFrames,
    pageTables: plan.pageTables,
    vcpus: domain.vcpus.length,
  });
  if (plan.pageTables) domain.bootstrap = buildBootstrapTables(domain.space, domain.vcpus.length);
  domain.memory = new DomainMemory(domain.space, () => machine.memoryObserver);
  domain.memoryFrames = plan.memoryFrames;
  domain.memoryFramesMax = plan.memoryFramesMax;
  domain.memoryTargetFrames = plan.memoryFrames;
  return null;
}

/** Takes a domain's memory down: Xen's references first, then the owner's. */
export function closeMemory(machine: Machine, domain: Domain): void {
  domain.space.close();
  machine.frames.closeDomain(domain.identity.domId);
}
