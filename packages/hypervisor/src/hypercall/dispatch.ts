import { ERRNO } from '../abi/errno.js';
import type { Hypercall, HypercallAnswer } from '../abi/guest.js';
import type { ShutdownReason } from '../abi/power.js';
import type { Domain } from '../domain/domain.js';
import type { Vcpu } from '../domain/vcpu.js';
import type { Scheduler } from '../sched/scheduler.js';

/** What hypercalls may do to the machine. */
export interface HypercallHost {
  sched: Scheduler;
  notify(domain: Domain, port: number, vcpu: number): void;
  shutDown(domain: Domain, reason: ShutdownReason): void;
  stats: { hypercalls: number; eventsSent: number };
}

/**
 * The one way into Xen. Checks everything in the call, does it, and answers a value or a negative Xen errno; nothing a
 * guest passes gets an exception out of here.
 */
export function dispatchHypercall(host: HypercallHost, vcpu: Vcpu, call: Hypercall): HypercallAnswer {
  host.stats.hypercalls += 1;
  if (typeof call !== 'object' || call === null) return -ERRNO.EFAULT;
  switch (call.op) {
    case 'event_channel_op':
      return eventChannelOp(host, vcpu.domain, call);
    case 'vcpu_op': {
      if (call.cmd !== 'get_runstate_info') return -ERRNO.ENOSYS;
      host.sched.settleAll();
      host.sched.books.accrueRunstate(vcpu);
      const { running, runnable, blocked, offline } = vcpu.runstateNs;
      return [running, runnable, blocked, offline];
    }
    case 'sched_op':
      if (call.cmd !== 'shutdown') return -ERRNO.ENOSYS;
      if (!['poweroff', 'reboot', 'crash'].includes(call.reason)) return -ERRNO.EINVAL;
      host.shutDown(vcpu.domain, call.reason);
      return 0;
    default:
      return -ERRNO.ENOSYS;
  }
}

function eventChannelOp(
  host: HypercallHost,
  domain: Domain,
  call: Extract<Hypercall, { op: 'event_channel_op' }>,
): HypercallAnswer {
  if (call.cmd === 'send') {
    host.stats.eventsSent += 1;
    return domain.events.send(call.port) ? 0 : -ERRNO.EINVAL;
  }
  if (call.cmd === 'bind_ipi') {
    const vcpu = call.vcpu;
    if (!Number.isInteger(vcpu) || domain.vcpus[vcpu] === undefined) return -ERRNO.ENOENT;
    const port: number | null = domain.events.bind(() => host.notify(domain, port as number, vcpu));
    return port ?? -ERRNO.ENOSPC;
  }
  return -ERRNO.ENOSYS;
}
