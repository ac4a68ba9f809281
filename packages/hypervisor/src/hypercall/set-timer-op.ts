import type { HypercallAnswer } from '../abi/hypercall.js';
import type { Arguments } from './arguments.js';
import type { HypercallContext } from './context.js';

const FAR_NS = 1n << 50n;
const INSTEAD_NS = 100_000_000n;

/**
 * `set_timer_op`: VIRQ_TIMER of this vCPU at the absolute system time `timeoutNs`; 0 stops it, a time that is past fires at
 * once. One that is negative or more than 2^50 ns away is taken for a mistake and fires in 100 ms, as in Xen.
 */
export function setTimerOp({ host, vcpu }: HypercallContext, call: Arguments): HypercallAnswer {
  const timeoutNs = call.signed('timeoutNs');
  const timers = host.timersOf(vcpu);
  if (timeoutNs === 0n) timers.stopSingleshot();
  else if (timeoutNs < 0n || timeoutNs - host.nowNs >= FAR_NS) timers.setSingleshot(host.nowNs + INSTEAD_NS);
  else timers.setSingleshot(timeoutNs);
  return 0;
}
