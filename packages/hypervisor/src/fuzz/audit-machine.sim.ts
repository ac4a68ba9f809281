import { EVENT_STATUS } from '../abi/event.js';
import { assert } from '../base/assert.js';
import { auditGrants, grantReferences } from '../grant/audit-grants.js';
import type { Machine } from '../host/machine.js';
import { auditFrames, auditSpace, type HeldReference } from '../memory/frame-audit.js';

/** Counts every reference, grant and channel of a machine anew, from what domains hold, and asserts that all agree. */
export function auditMachine(machine: Machine): void {
  const domains = [...machine.domains.values()];
  auditGrants(domains.map((domain) => domain.grants));
  auditFrames(machine.frames, heldReferences(machine));
  for (const { grants, space } of domains) {
    const places = [...grants.maptrack.entries()].flatMap(([, { place }]) => (place === null ? [] : [place]));
    auditSpace(space, places);
  }
  auditChannels(machine);
  auditRunQueues(machine);
}

function* heldReferences(machine: Machine): Generator<HeldReference> {
  for (const { grants, space } of machine.domains.values()) {
    yield* grantReferences(grants);
    yield* space.references();
  }
}

/** Whether a grant that is mapped lets a domain reach a frame of another. */
export function isGrantedTo(
  machine: Machine,
  domId: number,
  access: { mfn: number; write: boolean },
): boolean {
  const grants = machine.domains.get(domId)?.grants;
  if (grants === undefined) return false;
  for (const [, { grant, place, write }] of grants.maptrack.entries())
    if (place !== null && grant.mfn === access.mfn && (write || !access.write)) return true;
  return false;
}

/** A channel has two ends that name each other. */
function auditChannels(machine: Machine): void {
  for (const domain of machine.domains.values()) {
    const { domId, driver } = domain.identity;
    // The drivers' ends are looked at from the other side.
    if (driver) continue;
    for (let port = 1; port <= domain.events.lastPort; port += 1) {
      const end = domain.events.statusOf(port);
      if (end?.status !== EVENT_STATUS.interdomain) continue;
      const other = machine.domains.get(end.remoteDomId as number)?.events.statusOf(end.remotePort as number);
      assert(
        other?.status === EVENT_STATUS.interdomain &&
          other.remotePort === port &&
          other.remoteDomId === domId,
        () => `port ${port} of domain ${domId} has a peer that does not know it`,
      );
    }
  }
}

/** A vCPU waits in a queue exactly when it wants a CPU and has none. */
function auditRunQueues(machine: Machine): void {
  for (const domain of machine.domains.values())
    for (const vcpu of domain.vcpus) {
      const waits = vcpu.wantsCpu && vcpu.runningOn < 0;
      assert(
        vcpu.queueAt >= 0 === waits,
        () =>
          `vCPU ${vcpu.id} of domain ${domain.identity.domId}: queue place ${vcpu.queueAt}, waits ${waits}`,
      );
    }
}
