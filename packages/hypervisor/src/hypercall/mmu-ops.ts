import { CPU_MODEL } from '../abi/cpu-model.js';
import { DOMID_SELF } from '../abi/guest.js';
import type { HypercallAnswer } from '../abi/hypercall.js';
import type { Domain } from '../domain/domain.js';
import { LIMITS } from '../limits.js';
import { applyMmuOperation, MMUEXT_COMMANDS } from '../memory/mmu-extended.js';
import { applyMmuRequest, updateAddress } from '../memory/mmu-request.js';
import { type ArgumentList, type Arguments, Fault, faultErrno } from './arguments.js';
import type { Continuation, HypercallContext } from './context.js';

/** What is done at most, but for the last request, between two points at which the caller may be preempted. */
const REQUESTS_PER_CHUNK = 16;
const ENTRIES_PER_CHUNK = 1_024;
const FLUSH_FLAGS_MAX = 7;

/** Whose frames, and whose tables, a list of requests is about. */
interface Scope {
  frameOwner: number;
  tableOwner: number;
}

/**
 * `requests`: a list of `{ ptr, val }`. Stops at the first that fails; those before it stay.
 * @returns `{ rc, done }`.
 */
export function mmuUpdate(context: HypercallContext, call: Arguments): Continuation {
  const requests = call.list('requests', LIMITS.mmuRequestsMax);
  const scope = { frameOwner: foreignOf(call, 'foreignDomId'), tableOwner: foreignOf(call, 'tableDomId') };
  return inChunks(context, requests, scope, (element) => {
    const ptr = element.unsigned64('ptr', 'EINVAL');
    const val = element.unsigned64('val', 'EINVAL');
    const frameOwner = ownerOf(context, scope.frameOwner);
    const { space } = ownerOf(context, scope.tableOwner);
    context.spend(CPU_MODEL.hypercall.mmu_update.updateNs);
    return applyMmuRequest(space, { ptr, val }, frameOwner.identity.domId);
  });
}

/** `ops`: a list of `{ cmd, mfn, ... }`, as `mmu_update`. @returns `{ rc, done }`. */
export function mmuextOp(context: HypercallContext, call: Arguments): Continuation {
  const ops = call.list('ops', LIMITS.mmuRequestsMax);
  const scope = { frameOwner: foreignOf(call, 'foreignDomId'), tableOwner: DOMID_SELF };
  return inChunks(context, ops, scope, (element) => {
    const cmd = element.oneOf('cmd', MMUEXT_COMMANDS, 'ENOSYS');
    const mfn = element.integerOr('mfn', 0, { min: 0, max: Number.MAX_SAFE_INTEGER });
    const source = element.integerOr('source', 0, { min: 0, max: Number.MAX_SAFE_INTEGER });
    const entries = element.integerOr('entries', 0, { min: 0, max: 0xffff_ffff });
    const address = element.unsigned64Or('address', 0n);
    const owner = ownerOf(context, scope.frameOwner);
    context.spend(CPU_MODEL.hypercall.mmuext_op.opNs);
    const caller = { space: context.domain.space, vcpu: context.vcpu.id };
    return applyMmuOperation(caller, owner.space, { cmd, mfn, source, entries, address });
  });
}

/** `{ va, val, flags }`: the entry that maps `va` in the caller's tables. EINVAL; EOPNOTSUPP; as `mmu_update`. */
export function updateVaMapping(context: HypercallContext, call: Arguments): HypercallAnswer {
  const va = call.unsigned64('va');
  const val = call.unsigned64('val');
  call.integerOr('flags', 0, { min: 0, max: FLUSH_FLAGS_MAX });
  const owner = ownerOf(context, foreignOf(call, 'domId'));
  return whileWalking(context, () =>
    updateAddress(context.domain.space, context.vcpu.id, { va, val, owner: owner.identity.domId }),
  );
}

/** Does each element, and pays for the table entries that it made Xen look at. */
function* inChunks(
  context: HypercallContext,
  elements: ArgumentList,
  scope: Scope,
  apply: (element: Arguments) => number,
): Continuation {
  const { tables } = context.domain.space;
  let chunkFrom = { done: 0, walked: tables.entriesWalked };
  for (let done = 0; done < elements.length; done += 1) {
    let rc: number;
    try {
      ownerOf(context, scope.frameOwner);
      ownerOf(context, scope.tableOwner);
      const element = elements.structure(done);
      rc = whileWalking(context, () => apply(element));
    } catch (thrown) {
      rc = faultErrno(thrown);
    }
    if (rc < 0) return { rc, done };
    const long = tables.entriesWalked - chunkFrom.walked >= ENTRIES_PER_CHUNK;
    if (!long && done + 1 - chunkFrom.done < REQUESTS_PER_CHUNK) continue;
    yield;
    chunkFrom = { done: done + 1, walked: tables.entriesWalked };
  }
  return { rc: 0, done: elements.length };
}

function whileWalking(context: HypercallContext, act: () => number): number {
  const { tables } = context.domain.space;
  const before = tables.entriesWalked;
  const rc = act();
  const walked = tables.entriesWalked - before;
  if (walked > 0) context.spend(CPU_MODEL.hypercall.mmuext_op.entryNs * BigInt(walked));
  return rc;
}

function foreignOf(call: Arguments, field: string): number {
  return call.integerOr(field, DOMID_SELF, { min: 0, max: 0xffff, errno: 'ESRCH' });
}

/** The domain an argument names: oneself, or for a privileged caller another. Looked up anew after each chunk. */
function ownerOf(context: HypercallContext, domId: number): Domain {
  if (domId === DOMID_SELF || domId === context.domain.identity.domId) return context.domain;
  const domain = context.host.domains.get(domId);
  if (domain === undefined) throw new Fault('ESRCH');
  if (!context.domain.identity.privileged) throw new Fault('EPERM');
  return domain;
}
