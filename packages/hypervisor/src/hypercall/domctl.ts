import { type Answer, ERRNO } from '../abi/errno.js';
import type { HypercallAnswer } from '../abi/hypercall.js';
import { LIMITS } from '../limits.js';
import { type Arguments, Fault } from './arguments.js';
import type { HypercallContext } from './context.js';

type Control = HypercallContext['host']['control'];

const COMMANDS = [
  'pausedomain',
  'unpausedomain',
  'destroydomain',
  'getdomaininfo',
  'getvcpuinfo',
  'max_mem',
  'setvcpuaffinity',
  'scheduler_op',
] as const;

/**
 * What the control domain does to others. EPERM for everybody else, ESRCH for an unknown domain, EINVAL for pausing or
 * destroying oneself, ENOENT for an unknown vCPU (public/domctl.h, common/domctl.c).
 */
export function domctl({ host, domain }: HypercallContext, call: Arguments): HypercallAnswer {
  if (!domain.identity.privileged) return -ERRNO.EPERM;
  const { control } = host;
  const cmd = call.oneOf('cmd', COMMANDS, 'ENOSYS');
  const domId = call.integer('domId', 0, 0xffff, 'ESRCH');
  const other = () => {
    if (domId === domain.identity.domId) throw new Fault('EINVAL');
    return domId;
  };
  switch (cmd) {
    case 'pausedomain':
      return codeOf(control.pause(other()));
    case 'unpausedomain':
      return codeOf(control.unpause(domId));
    case 'destroydomain':
      return codeOf(control.destroy(other()));
    case 'getdomaininfo':
      return copyOut(control.info(domId));
    case 'getvcpuinfo':
      return copyOut(control.vcpuInfo(domId, call.integer('vcpu', 0, LIMITS.vcpusPerDomainMax, 'ENOENT')));
    case 'max_mem':
      return codeOf(control.setMaxMemory(domId, call.integer('frames', 0, Number.MAX_SAFE_INTEGER)));
    case 'setvcpuaffinity':
      return setAffinity(host.control, domId, call);
    case 'scheduler_op':
      return schedulerOp(host.control, domId, call);
  }
}

/** What the control domain asks about the machine. */
export function sysctl({ host, domain }: HypercallContext, call: Arguments): HypercallAnswer {
  if (!domain.identity.privileged) return -ERRNO.EPERM;
  switch (call.oneOf('cmd', ['physinfo', 'getcpuinfo'], 'ENOSYS')) {
    case 'physinfo':
      return { rc: 0, ...host.control.physicalInfo() };
    case 'getcpuinfo':
      return { rc: 0, idleNs: host.control.idleNs() };
  }
}

function setAffinity(control: Control, domId: number, call: Arguments): HypercallAnswer {
  const vcpu = call.integer('vcpu', 0, LIMITS.vcpusPerDomainMax, 'ENOENT');
  const list = call.list('cpus', LIMITS.pcpusMax);
  const cpus = Array.from({ length: list.length }, (_, at) => list.integer(at, 0, LIMITS.pcpusMax - 1));
  return codeOf(control.setAffinity(domId, vcpu, cpus));
}

/** As `xl sched-credit`: a weight of 0 and a cap of 0xffff leave things as they are. */
function schedulerOp(control: Control, domId: number, call: Arguments): HypercallAnswer {
  const weight = call.integerOr('weight', 0, { min: 0, max: LIMITS.weightMax });
  const cap = call.integerOr('cap', 0xffff, { min: 0, max: 0xffff });
  const known = control.info(domId);
  if (!known.ok) return codeOf(known);
  if (cap !== 0xffff) {
    const capped = control.setCap(domId, cap);
    if (!capped.ok) return codeOf(capped);
  }
  return weight === 0 ? 0 : codeOf(control.setWeight(domId, weight));
}

function codeOf(answer: Answer<unknown>): number {
  return answer.ok ? 0 : -ERRNO[answer.errno];
}

function copyOut(answer: Answer<object>): HypercallAnswer {
  return answer.ok ? { rc: 0, ...answer.value } : -ERRNO[answer.errno];
}
