import type { Domain } from '../../domain/domain.js';
import { closeEvents } from '../build-events.js';
import type { Machine } from '../machine.js';

/**
 * Lets an ended domain go on under another name and id: without its devices, with its memory, in a life of its own, so that
 * what it keeps is metered and its old name and id are free.
 */
export function retireDomain(
  machine: Machine,
  domain: Domain,
  { name, id, leaveDevices }: { name: string; id: string; leaveDevices: () => void },
): void {
  const { incarnation, identity } = domain;
  const { domId, id: fromId } = identity;
  if (incarnation !== null) machine.settle(incarnation);
  leaveDevices();
  closeEvents(domain);
  domain.incarnation = null;
  machine.domainsById.delete(fromId);
  if (incarnation !== null) machine.closeIncarnation(incarnation, domId);
  identity.id = id;
  identity.name = name;
  machine.domainsById.set(id, domain);
  machine.emit({ type: 'domain.renamed', atNs: machine.nowNs, domId, id, fromId, name });
  if (incarnation !== null) machine.allowances.opened(machine.open(domain));
}
