import { CPU_MODEL } from '../abi/cpu-model.js';
import { ERRNO } from '../abi/errno.js';
import { DOMID_SELF } from '../abi/guest.js';
import { type HypercallAnswer, SHUTDOWN_REASONS } from '../abi/hypercall.js';
import { LIMITS } from '../limits.js';
import type { Arguments } from './arguments.js';
import type { HypercallContext } from './context.js';

const U16_MAX = 0xffff;
const U32_MAX = 0xffff_ffff;
const COMMANDS = [
  'block',
  'yield',
  'poll',
  'shutdown',
  'shutdown_code',
  'watchdog',
  'remote_shutdown',
] as const;

/** `sched_op` (public/sched.h). A call that sleeps answers 0 when the vCPU goes on. */
export function schedOp(context: HypercallContext, call: Arguments): HypercallAnswer {
  const { host, domain, vcpu } = context;
  switch (call.oneOf('cmd', COMMANDS, 'ENOSYS')) {
    case 'block':
      context.spend(CPU_MODEL.blockNs);
      if (!domain.events.unmaskUpcall(vcpu.id)) host.sleep(vcpu, null);
      return 0;
    case 'yield':
      context.spend(CPU_MODEL.yieldNs);
      vcpu.yields = true;
      return 0;
    case 'poll':
      return poll(context, call);
    case 'shutdown':
      host.shutDown(domain, call.oneOf('reason', SHUTDOWN_REASONS));
      return 0;
    case 'shutdown_code':
      domain.shutdownCode ??= call.oneOf('reason', SHUTDOWN_REASONS);
      return 0;
    case 'watchdog':
      return host.watchdogs.set(domain, call.integer('id', 0, U32_MAX), call.integer('timeoutS', 0, U32_MAX));
    case 'remote_shutdown':
      return shutDownOther(context, call);
  }
}

/** Sleeps until one of `ports` is pending, or until `timeoutNs` (absolute; 0: none). Does not unmask upcalls. */
function poll({ host, domain, vcpu, spend }: HypercallContext, call: Arguments): HypercallAnswer {
  const list = call.list('ports', LIMITS.pollPortsMax, 'EINVAL');
  const timeoutNs = call.signed('timeoutNs');
  const { events } = domain;
  const ports: number[] = [];
  spend(CPU_MODEL.hypercall.sched_op.portNs * BigInt(list.length));
  for (let at = 0; at < list.length; at += 1) ports.push(list.integer(at, 0, events.lastPort));
  if (events.shared.isDeliverable(vcpu.id) || ports.some((port) => events.isPending(port))) return 0;
  if (host.sleep(vcpu, timeoutNs === 0n ? null : timeoutNs)) events.startPoll(vcpu.id, ports);
  return 0;
}

function shutDownOther({ host, domain }: HypercallContext, call: Arguments): HypercallAnswer {
  const domId = call.integer('domId', 0, U16_MAX);
  const reason = call.oneOf('reason', SHUTDOWN_REASONS);
  if (!domain.identity.privileged) return -ERRNO.EPERM;
  if (domId === DOMID_SELF || domId === domain.identity.domId) return -ERRNO.EPERM;
  const found = host.domains.get(domId);
  if (found === undefined) return -ERRNO.ESRCH;
  // What serves devices belongs to the host.
  if (found.identity.driver) return -ERRNO.EPERM;
  host.shutDown(found, reason);
  return 0;
}
