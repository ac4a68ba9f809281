import { CPU_MODEL } from '../abi/cpu-model.js';
import { ERRNO } from '../abi/errno.js';
import { DOMID_SELF } from '../abi/guest.js';
import type { HypercallAnswer } from '../abi/hypercall.js';
import type { Domain } from '../domain/domain.js';
import type { EventChannels } from '../event/event-channels.js';
import { LIMITS } from '../limits.js';
import { type Arguments, Fault } from './arguments.js';
import type { Continuation, HypercallContext } from './context.js';

const U16_MAX = 0xffff;
const U32_MAX = 0xffff_ffff;
const COMMANDS = [
  'send',
  'unmask',
  'alloc_unbound',
  'bind_interdomain',
  'bind_virq',
  'bind_pirq',
  'bind_ipi',
  'bind_vcpu',
  'close',
  'status',
  'reset',
] as const;

/**
 * `event_channel_op` (public/event_channel.h). Commands that make a port answer its number; `status` answers
 * `{rc, status, vcpu, remoteDomId?, remotePort?, irq?}`. Fields are Xen's: `port`, `vcpu`, `virq`, `domId`, `remoteDomId`, `remotePort`.
 */
export function eventChannelOp(context: HypercallContext, call: Arguments): HypercallAnswer | Continuation {
  const { host, domain, spend } = context;
  const { events } = domain;
  switch (call.oneOf('cmd', COMMANDS, 'ENOSYS')) {
    case 'send':
      host.stats.eventsSent += 1;
      spend(CPU_MODEL.hypercall.event_channel_op.sendNs);
      return events.send(portOf(call, 'port'));
    case 'unmask':
      return events.unmask(portOf(call, 'port'));
    case 'alloc_unbound': {
      const remote = call.integer('remoteDomId', 0, U16_MAX);
      return target(context, call).allocateUnbound(remote === DOMID_SELF ? domain.identity.domId : remote);
    }
    case 'bind_interdomain': {
      const remote = domainOf(context, call.integer('remoteDomId', 0, U16_MAX)).events;
      return events.bindInterdomain(remote, portOf(call, 'remotePort'));
    }
    case 'bind_virq':
      return events.bindVirq(call.integer('virq', 0, U32_MAX), vcpuOf(call));
    case 'bind_pirq':
      // No domain has the permission for a physical interrupt; the host binds those of its drivers.
      return -ERRNO.EPERM;
    case 'bind_ipi':
      return events.bindIpi(vcpuOf(call));
    case 'bind_vcpu':
      return events.bindVcpu(portOf(call, 'port'), vcpuOf(call));
    case 'close':
      return events.closePort(portOf(call, 'port'));
    case 'status': {
      const status = target(context, call).statusOf(portOf(call, 'port'));
      return status === null ? -ERRNO.EINVAL : { rc: 0, ...status };
    }
    case 'reset':
      return reset(target(context, call), spend);
  }
}

/** Closes all ports of a domain, as many at a time as may be done without a break. */
function* reset(events: EventChannels, spend: HypercallContext['spend']): Continuation {
  for (let from: number | null = 1; from !== null;) {
    from = events.closeSome(from, LIMITS.eventResetPortsPerChunk);
    spend(CPU_MODEL.hypercall.event_channel_op.sendNs * BigInt(LIMITS.eventResetPortsPerChunk / 8));
    yield;
  }
  return 0;
}

function portOf(call: Arguments, field: string): number {
  return call.integer(field, 0, U32_MAX);
}

function vcpuOf(call: Arguments): number {
  return call.integerOr('vcpu', 0, { min: 0, max: U32_MAX, errno: 'ENOENT' });
}

/** The channels of `dom`: the caller's own, or for a privileged one another's. ESRCH, EPERM. */
function target(context: HypercallContext, call: Arguments): EventChannels {
  const domId = call.integerOr('domId', DOMID_SELF, { min: 0, max: U16_MAX });
  const found = domainOf(context, domId);
  const others = found !== context.domain;
  // The ports of a driver domain are everybody's devices: not even the privileged may touch them.
  if (others && (!context.domain.identity.privileged || found.identity.driver)) throw new Fault('EPERM');
  return found.events;
}

function domainOf({ host, domain }: HypercallContext, domId: number): Domain {
  if (domId === DOMID_SELF || domId === domain.identity.domId) return domain;
  const found = host.domains.get(domId);
  if (found === undefined) throw new Fault('ESRCH');
  return found;
}
