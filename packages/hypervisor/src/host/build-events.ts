import { type Answer, answer, ERRNO, type ErrnoName, refuse } from '../abi/errno.js';
import type { EventPort } from '../abi/guest.js';
import type { SharedPage } from '../abi/shared-info.js';
import type { Domain } from '../domain/domain.js';
import type { Vcpu } from '../domain/vcpu.js';
import { EventQueues } from '../event/event-queues.js';
import { sharedPageOf, takePendingPorts, takeQueuedPorts } from '../guest/shared-info.js';
import type { Machine } from './machine.js';

/** The device of a driver domain; its interrupt is a port of this kind. */
const DEVICE_IRQ = 0;

/** How a guest reads its events. */
export interface EventReader {
  readonly sharedInfo: SharedPage;
  takePendingPorts(vcpu?: number): readonly EventPort[];
}

/**
 * Gives a new domain its shared info page, in a kernel frame of its own or, when it is too small, in one of Xen's, and lets
 * its events wake it. A driver domain, which talks to every domain of the host, gets event queues and its interrupt.
 */
export function buildEvents(machine: Machine, domain: Domain): EventReader {
  const { events, identity, vcpus } = domain;
  const { shared } = events;
  const mfn = domain.space.allocateKernelFrame('shared_info');
  if (mfn !== null) shared.moveTo(machine.frames.bytesOf(mfn));
  shared.setWallClock(machine.config.wallClockAtBootNs ?? 0n);
  for (const vcpu of vcpus) shared.setTime(vcpu.id, machine.nowNs);
  events.hooks = {
    kick: (vcpuId) => machine.kick(domain, vcpuId),
    polled: (vcpuId) => machine.wake(domain.vcpus[vcpuId] as Vcpu),
    claimVirq: (virq) => machine.virqs.claim(virq, events, identity.privileged),
    releaseVirq: (virq) => machine.virqs.release(virq),
  };
  const { bytes } = shared;
  const sharedInfo = sharedPageOf(bytes);
  if (!identity.driver) {
    return { sharedInfo, takePendingPorts: (vcpu) => takePendingPorts(bytes, vcpus.length, vcpu) };
  }
  const queues = new EventQueues(vcpus.length);
  events.signalBy(queues);
  domain.interruptPort = events.bindPirq(DEVICE_IRQ);
  return { sharedInfo, takePendingPorts: (vcpu = 0) => takeQueuedPorts(bytes, queues.pages, vcpu) };
}

/** The domain is dying: its channels are closed, its peers wait again, its timers stop. */
export function closeEvents(domain: Domain): void {
  domain.events.close();
  for (const vcpu of domain.vcpus) vcpu.timers?.cancel();
}

/**
 * Joins two domains by a channel, as a toolstack does for a device: the first waits for the second, which binds. The second
 * has an event pending from the start. ENOSPC when one of them has no port left, EINVAL when it is dying.
 */
export function connectChannel(
  first: Domain,
  second: Domain,
): Answer<{ portA: EventPort; portB: EventPort }> {
  const portA = first.events.allocateUnbound(second.identity.domId);
  if (portA < 0) return refuse(errnoName(portA), `ports: domain ${first.identity.domId} has none free`);
  const portB = second.events.bindInterdomain(first.events, portA);
  if (portB >= 0) return answer({ portA, portB });
  first.events.closeAny(portA);
  return refuse(errnoName(portB), `ports: domain ${second.identity.domId} has none free`);
}

function errnoName(rc: number): ErrnoName {
  return rc === -ERRNO.ENOSPC ? 'ENOSPC' : 'EINVAL';
}
