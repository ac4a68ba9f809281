import type { HypercallAnswer } from '../abi/hypercall.js';
import type { Arguments } from './arguments.js';
import type { HypercallContext } from './context.js';

export function vcpuOp({ host, vcpu }: HypercallContext, call: Arguments): HypercallAnswer {
  call.oneOf('cmd', ['get_runstate_info'], 'ENOSYS');
  host.sched.settleAll();
  host.sched.books.accrueRunstate(vcpu);
  const { running, runnable, blocked, offline } = vcpu.runstateNs;
  return { rc: 0, state: vcpu.runstate, timesNs: [running, runnable, blocked, offline] };
}
