import { CPU_MODEL } from '../abi/cpu-model.js';
import type { GuestExit } from '../abi/guest.js';
import type { Vcpu } from '../domain/vcpu.js';
import { dispatchHypercall } from '../hypercall/dispatch.js';
import { LIMITS } from '../limits.js';
import { SLICE_NS } from '../sched/credit.js';
import type { Machine } from './machine.js';

const NS_MAX = 1n << 62n;

/**
 * Lets a guest go on: does what its last exit asked for now that its work is paid, then runs it to its next exit. The
 * next exit always has a cost, so a guest that only exits still makes time pass and pays for it.
 */
export function executeGuest(machine: Machine, vcpu: Vcpu): 'stay' | 'yield' {
  const { then, domain } = vcpu;
  vcpu.then = { do: 'continue' };
  vcpu.entry = undefined;
  switch (then.do) {
    case 'continue':
      break;
    case 'yield':
      return 'yield';
    case 'block':
      if (!domain.events.anyPending && block(machine, vcpu, then.untilNs)) return 'stay';
      break;
    case 'hypercall':
      vcpu.entry = dispatchHypercall(hypercallHost(machine), vcpu, then.call);
      break;
    case 'shutdown':
      machine.end(domain, then.reason, '');
      return 'stay';
    case 'crash':
      machine.end(domain, 'crash', then.message.slice(0, LIMITS.crashReasonCharactersMax));
      return 'stay';
  }
  if (!vcpu.wantsCpu) return 'stay';
  runToNextExit(machine, vcpu);
  return 'stay';
}

function hypercallHost(machine: Machine) {
  return {
    sched: machine.sched,
    stats: machine.stats,
    notify: (d: Vcpu['domain'], port: number, vcpu: number) => machine.notify(d, port, vcpu),
    shutDown: (d: Vcpu['domain'], reason: Parameters<Machine['shutDown']>[1]) => machine.shutDown(d, reason),
  };
}

/** False when the time to wake has already come. */
function block(machine: Machine, vcpu: Vcpu, untilNs: bigint | undefined): boolean {
  if (untilNs !== undefined) {
    if (untilNs <= machine.nowNs) return false;
    vcpu.wakeTimer ??= machine.timers.create(() => machine.sched.wake(vcpu));
    machine.timers.set(vcpu.wakeTimer, untilNs);
  }
  vcpu.blocked = true;
  return true;
}

function runToNextExit(machine: Machine, vcpu: Vcpu): void {
  machine.stats.guestExits += 1;
  const { domain } = vcpu;
  const guest = domain.guest;
  let exit: GuestExit =
    guest === null ? crashed('it has no guest') : runSafely(() => guest.run(vcpu.id, SLICE_NS, vcpu.entry));
  const fault = faultIn(exit, domain.identity.driver);
  if (fault !== null) exit = crashed(fault);
  vcpu.entry = undefined;
  vcpu.then = exit.then;
  vcpu.onBehalfOf = exit.onBehalfOf ?? null;
  vcpu.pendingNs = exit.workNs + CPU_MODEL.guestExitNs;
  if (exit.then.do !== 'hypercall') return;
  vcpu.pendingNs += CPU_MODEL.hypercallEntryNs;
  if (exit.then.call?.op === 'event_channel_op')
    vcpu.pendingNs += CPU_MODEL.hypercall.event_channel_op.sendNs;
}

function runSafely(run: () => GuestExit): GuestExit {
  try {
    return run();
  } catch {
    return crashed('it threw out of its contract');
  }
}

function crashed(message: string): GuestExit {
  return { workNs: 0n, then: { do: 'crash', message } };
}

/** Why an exit is not one; null for a sound one. */
function faultIn(exit: GuestExit, driver: boolean): string | null {
  if (typeof exit !== 'object' || exit === null || typeof exit.then !== 'object' || exit.then === null) {
    return 'it left the CPU without a reason';
  }
  if (typeof exit.workNs !== 'bigint' || exit.workNs < 0n || exit.workNs > NS_MAX)
    return 'it declared impossible work';
  if (exit.onBehalfOf !== undefined && !driver) return 'only driver domains work on behalf of others';
  const { then } = exit;
  switch (then.do) {
    case 'continue':
    case 'yield':
      return null;
    case 'hypercall':
      return typeof then.call === 'object' && then.call !== null
        ? null
        : 'it made a hypercall without a call';
    case 'block':
      return then.untilNs === undefined || (typeof then.untilNs === 'bigint' && then.untilNs < NS_MAX)
        ? null
        : 'it blocked until an impossible time';
    case 'shutdown':
      return ['poweroff', 'reboot', 'crash'].includes(then.reason)
        ? null
        : 'it shut down for an unknown reason';
    case 'crash':
      return typeof then.message === 'string' ? null : 'it crashed without a message';
    default:
      return 'it left the CPU in an unknown way';
  }
}
