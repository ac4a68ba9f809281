import { ERRNO } from '../abi/errno.js';
import type { HypercallAnswer } from '../abi/hypercall.js';
import type { Vcpu } from '../domain/vcpu.js';
import { LIMITS } from '../limits.js';
import { type Arguments, Fault } from './arguments.js';
import type { HypercallContext } from './context.js';

const U32_MAX = 0xffff_ffff;
const PERIOD_NS_MAX = (1n << 62n) - 1n;
const COMMANDS = [
  'get_runstate_info',
  'initialise',
  'up',
  'down',
  'is_up',
  'set_periodic_timer',
  'stop_periodic_timer',
  'set_singleshot_timer',
  'stop_singleshot_timer',
] as const;

/** `vcpu_op` (public/vcpu.h) on vCPU `vcpu` of the caller's domain, by default its own. ENOENT when there is none. */
export function vcpuOp(context: HypercallContext, call: Arguments): HypercallAnswer {
  const { host, domain } = context;
  const cmd = call.oneOf('cmd', COMMANDS, 'ENOSYS');
  const vcpu =
    domain.vcpus[call.integerOr('vcpu', context.vcpu.id, { min: 0, max: U32_MAX, errno: 'ENOENT' })];
  if (vcpu === undefined) return -ERRNO.ENOENT;
  switch (cmd) {
    case 'get_runstate_info':
      return runstateOf(context, vcpu);
    case 'initialise':
      if (vcpu.initialised) return -ERRNO.EEXIST;
      vcpu.initialised = true;
      return 0;
    case 'up':
      return bringUp(context, vcpu);
    case 'down':
      return takeDown(context, vcpu);
    case 'is_up':
      return vcpu.online ? 1 : 0;
    case 'set_periodic_timer': {
      const periodNs = call.unsigned64('periodNs');
      if (periodNs < LIMITS.periodicTimerNsMin || periodNs > PERIOD_NS_MAX) return -ERRNO.EINVAL;
      host.timersOf(vcpu).setPeriodic(periodNs);
      return 0;
    }
    case 'stop_periodic_timer':
      vcpu.timers?.stopPeriodic();
      return 0;
    case 'set_singleshot_timer': {
      const timeoutNs = call.unsigned64('timeoutNs');
      requireOwn(context, vcpu);
      if (call.flag('future') && timeoutNs < host.nowNs) return -ERRNO.ETIME;
      host.timersOf(vcpu).setSingleshot(timeoutNs);
      return 0;
    }
    case 'stop_singleshot_timer':
      requireOwn(context, vcpu);
      vcpu.timers?.stopSingleshot();
      return 0;
  }
}

function runstateOf({ host }: HypercallContext, vcpu: Vcpu): HypercallAnswer {
  host.sched.settleAll();
  host.sched.books.accrueRunstate(vcpu);
  const { running, runnable, blocked, offline } = vcpu.runstateNs;
  return { rc: 0, state: vcpu.runstate, timesNs: [running, runnable, blocked, offline] };
}

function bringUp({ host }: HypercallContext, vcpu: Vcpu): HypercallAnswer {
  if (!vcpu.initialised) return -ERRNO.EINVAL;
  if (vcpu.online) return 0;
  host.sched.setOnline(vcpu, true);
  return 0;
}

/** A domain that takes its last vCPU down powers off. */
function takeDown({ host, domain }: HypercallContext, vcpu: Vcpu): HypercallAnswer {
  if (!domain.vcpus.some((other) => other !== vcpu && other.online)) {
    host.shutDown(domain, 'poweroff');
    return 0;
  }
  if (!vcpu.online) return 0;
  host.sched.setOnline(vcpu, false);
  return 0;
}

/** A vCPU sets its single shot itself. */
function requireOwn(context: HypercallContext, vcpu: Vcpu): void {
  if (vcpu !== context.vcpu) throw new Fault('EINVAL');
}
