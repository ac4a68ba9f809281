import { CPU_MODEL } from '../abi/cpu-model.js';
import type { HypercallAnswer } from '../abi/hypercall.js';
import type { Vcpu } from '../domain/vcpu.js';
import { type HypercallContext, isContinuation } from '../hypercall/context.js';
import { continueHypercall, dispatchHypercall, entryCostNs } from '../hypercall/dispatch.js';
import { hypercallNameOf } from '../hypercall/hypercall-name.js';
import { LIMITS } from '../limits.js';
import { SLICE_NS } from '../sched/credit.js';
import { copyExit, crashExit } from './copy-exit.js';
import type { Machine } from './machine.js';

/**
 * Lets a guest go on: does what its last exit asked for now that its work is paid, then runs it to its next exit. The
 * next exit always has a cost, so a guest that only exits still makes time pass and pays for it.
 */
export function executeGuest(machine: Machine, vcpu: Vcpu): 'stay' | 'yield' {
  vcpu.timers?.goOn();
  vcpu.domain.space.currentVcpu = vcpu.id;
  if (vcpu.hypercall !== null) return resume(machine, vcpu);
  const { then, domain } = vcpu;
  vcpu.then = { do: 'continue' };
  switch (then.do) {
    case 'continue':
      break;
    case 'yield':
      return 'yield';
    case 'block':
      // Nothing interrupts a guest's own work, so a vCPU also stays up for events of a sibling that computes.
      domain.events.unmaskUpcall(vcpu.id);
      if (!domain.events.anyUpcall && machine.sleep(vcpu, then.untilNs ?? null)) return 'stay';
      break;
    case 'hypercall':
      if (!beginHypercall(machine, vcpu, then.call)) return 'stay';
      break;
    case 'shutdown':
      machine.shutDown(domain, then.reason);
      return 'stay';
    case 'crash':
      machine.end(domain, 'crash', then.message.slice(0, LIMITS.crashReasonCharactersMax));
      return 'stay';
  }
  return goOn(machine, vcpu);
}

function goOn(machine: Machine, vcpu: Vcpu): 'stay' | 'yield' {
  if (vcpu.yields) {
    vcpu.yields = false;
    return 'yield';
  }
  if (vcpu.wantsCpu) runToNextExit(machine, vcpu);
  return 'stay';
}

/**
 * Does a call, or its first chunk. What it spent beyond its entry is paid before anything else happens on this vCPU.
 * @returns Whether the guest may go on at once.
 */
function beginHypercall(machine: Machine, vcpu: Vcpu, call: unknown): boolean {
  let spentNs = 0n;
  const context: HypercallContext = {
    host: machine,
    vcpu,
    domain: vcpu.domain,
    spend: (costNs) => {
      spentNs += costNs;
    },
  };
  const begun = dispatchHypercall(context, vcpu.calling, call);
  if (!isContinuation(begun)) {
    if (spentNs === 0n || !vcpu.domain.identity.driver) {
      // Paid with the work up to the guest's next exit, which saves a step.
      vcpu.owedNs = spentNs;
      vcpu.entry = begun;
      return true;
    }
    // A driver domain's next exit may be for another domain: this call is paid for first.
    vcpu.pendingNs += spentNs;
    vcpu.hypercall = { next: () => begun };
    return false;
  }
  const charge = () => {
    vcpu.pendingNs += spentNs;
    spentNs = 0n;
  };
  let answer: HypercallAnswer | undefined = continueHypercall(begun);
  vcpu.hypercall = {
    next: () => {
      if (answer !== undefined) return answer;
      answer = continueHypercall(begun);
      charge();
      // What the last chunk spent is still to be paid; the answer follows then.
      return answer !== undefined && vcpu.pendingNs === 0n ? answer : undefined;
    },
  };
  charge();
  return false;
}

function resume(machine: Machine, vcpu: Vcpu): 'stay' | 'yield' {
  const answer = vcpu.hypercall?.next();
  if (answer === undefined) {
    // A chunk that cost nothing must not stop time.
    if (vcpu.pendingNs === 0n) vcpu.pendingNs = CPU_MODEL.hypercallEntryNs;
    return 'stay';
  }
  vcpu.hypercall = null;
  vcpu.entry = answer;
  return goOn(machine, vcpu);
}

function runToNextExit(machine: Machine, vcpu: Vcpu): void {
  machine.stats.guestExits += 1;
  const { guest, identity } = vcpu.domain;
  const exit =
    guest === null
      ? crashExit('it has no guest')
      : copyExit(() => guest.run(vcpu.id, SLICE_NS, vcpu.entry), identity.driver);
  vcpu.entry = undefined;
  vcpu.then = exit.then;
  vcpu.onBehalfOf = exit.onBehalfOf ?? null;
  if (exit.onBehalfOf !== undefined) vcpu.served = true;
  vcpu.pendingNs = exit.workNs + CPU_MODEL.guestExitNs + vcpu.owedNs;
  vcpu.owedNs = 0n;
  if (exit.then.do === 'yield') vcpu.pendingNs += CPU_MODEL.yieldNs;
  if (exit.then.do === 'block' && !paidByServing(vcpu)) vcpu.pendingNs += CPU_MODEL.blockNs;
  if (exit.then.do !== 'hypercall') return;
  vcpu.calling = hypercallNameOf(exit.then.call);
  vcpu.pendingNs += entryCostNs(vcpu.calling);
}

/** What a driver domain does for others costs them its waking and sleeping as well, so that its own sleep is free. */
function paidByServing(vcpu: Vcpu): boolean {
  const { served } = vcpu;
  vcpu.served = false;
  if (served) vcpu.pendingNs -= CPU_MODEL.guestExitNs;
  return served;
}
