/** Who has to know of what the machine reports. Its readings are booked before this. */
import type { HostEvent as MachineEvent } from '@xenorack/hypervisor';
import type { ShutdownWaits } from '../commands/shutdown-waits.js';
import type { LeaseBook } from '../leases/lease-book.js';
import type { DomainWatch } from './domain-watch.js';

export interface FollowParts {
  watch: DomainWatch;
  leases: LeaseBook;
  waits: ShutdownWaits;
}

export function followMachine(
  { watch, leases, waits }: FollowParts,
  event: MachineEvent,
  utcNs: bigint,
): void {
  switch (event.type) {
    case 'domain.state':
      // A domain that is held can do nothing to end by itself.
      if (event.state === 'paused') waits.end(event.id);
      watch.noteDomain(
        event.id,
        event.state === 'running' ? 'running' : `${event.state}:${event.cause}`,
        utcNs,
      );
      break;
    case 'domain.shutdown':
      waits.end(event.id);
      watch.reap(event.id, event.domId, event.reason);
      break;
    case 'domain.crashed':
      waits.end(event.id);
      watch.noteCrash(event.id, event.facts, utcNs);
      watch.reap(event.id, event.domId, 'crash');
      break;
    case 'allowance.warned':
      leases.noteAllowance(event.allowanceId, 'warned', event.drawn, utcNs);
      break;
    case 'allowance.exhausted':
      leases.noteAllowance(event.allowanceId, 'exhausted', event.drawn, utcNs);
      break;
    case 'allowance.resumed':
      leases.noteAllowance(event.allowanceId, 'open', event.drawn, utcNs);
      break;
    case 'allowance.throttled':
    case 'allowance.renewed':
    case 'domain.restarted':
    case 'domain.restart_refused':
    case 'domain.renamed':
      // Of allowances and configurations that this host does not use.
      break;
    case 'domain.created':
    case 'domain.resized':
    case 'domain.destroyed':
    case 'domain.dead':
    case 'incarnation.opened':
    case 'incarnation.closed':
    case 'volume.opened':
    case 'volume.closed':
      // Caused by commands, which answer for themselves; their readings are booked already.
      break;
  }
}
