import { CPU_MODEL } from '../abi/cpu-model.js';
import { ERRNO } from '../abi/errno.js';
import { DOMID_SELF } from '../abi/guest.js';
import type { HypercallAnswer } from '../abi/hypercall.js';
import type { Domain } from '../domain/domain.js';
import { LIMITS } from '../limits.js';
import {
  decreaseReservation,
  exchangeExtents,
  increaseReservation,
  moveInPhysmap,
  populatePhysmap,
  removeFromPhysmap,
} from '../memory/reservation.js';
import { type ArgumentList, type Arguments, Fault, faultErrno } from './arguments.js';
import type { Continuation, HypercallContext } from './context.js';

const COMMANDS = [
  'increase_reservation',
  'decrease_reservation',
  'populate_physmap',
  'exchange',
  'current_reservation',
  'maximum_reservation',
  'maximum_ram_page',
  'maximum_gpfn',
  'add_to_physmap',
  'remove_from_physmap',
  'claim_pages',
] as const;

const GFN_MAX = 0xffff_ffff;
/** Of one chunk, after which the caller may be preempted. */
const FRAMES_PER_CHUNK = 256;
const EXTENTS_PER_CHUNK = 64;
const ORDER_ANY = 0xffff_ffff;
const COST = CPU_MODEL.hypercall.memory_op;

/** One extent: the first machine frame when it brought one, true when it is done, null when it cannot be. */
type ExtentAct = (domain: Domain, at: number) => number | true | null;

/**
 * `cmd` and, as Xen's structures: `domain` (default oneself; another's for the privileged), `order`, `extents` (or `count`
 * for `increase_reservation`). The three reservation calls answer how many extents were done, never an errno, and the new
 * frames in `frames`; the others 0 or more, or an errno.
 */
export function memoryOp(context: HypercallContext, call: Arguments): HypercallAnswer | Continuation {
  const cmd = call.oneOf('cmd', COMMANDS, 'ENOSYS');
  switch (cmd) {
    case 'increase_reservation':
    case 'populate_physmap':
    case 'decrease_reservation':
      return reserve(context, call, cmd);
    case 'exchange':
      return exchange(context, call);
    case 'current_reservation':
      return subject(context, call).memoryFrames;
    case 'maximum_reservation':
      return context.domain.space.frames.maxOf(subject(context, call).identity.domId);
    case 'maximum_ram_page':
      return context.domain.space.frames.totalFrames - 1;
    case 'maximum_gpfn': {
      const { map, initialFrames } = subject(context, call).space;
      return map === null ? initialFrames.length - 1 : Math.max(0, map.highest);
    }
    case 'add_to_physmap':
      return addToPhysmap(subject(context, call), call);
    case 'remove_from_physmap':
      context.spend(COST.frameNs);
      return removeFromPhysmap(subject(context, call).space, call.integer('gpfn', 0, GFN_MAX));
    case 'claim_pages':
      return claimPages(context, call);
  }
}

function reserve(
  context: HypercallContext,
  call: Arguments,
  cmd: 'increase_reservation' | 'populate_physmap' | 'decrease_reservation',
): HypercallAnswer | Continuation {
  let domId: number;
  let order: number;
  let extents: ArgumentList | null;
  let count: number;
  try {
    domId = subject(context, call).identity.domId;
    order = call.integerOr('order', 0, { min: 0, max: ORDER_ANY });
    extents = cmd === 'increase_reservation' ? null : call.list('extents', LIMITS.reservationExtentsMax);
    count = extents?.length ?? call.integer('count', 0, LIMITS.reservationExtentsMax);
    // An extent of that size stops the call before the first, as any other that cannot be had.
    if (order > LIMITS.extentOrderMax) return { rc: 0, frames: [] };
  } catch (thrown) {
    faultErrno(thrown);
    return { rc: 0, frames: [] };
  }
  const gfnAt = (at: number) => (extents as ArgumentList).integer(at, 0, GFN_MAX);
  const acts: Record<typeof cmd, ExtentAct> = {
    increase_reservation: ({ space }) => increaseReservation(space, order),
    populate_physmap: ({ space }, at) => populatePhysmap(space, gfnAt(at), order),
    decrease_reservation: ({ space }, at) => decreaseReservation(space, gfnAt(at), order) || null,
  };
  return inChunks(context, { domId, order, count }, acts[cmd]);
}

/** Does extent after extent; whatever stops it, the answer is how many were done. */
function* inChunks(
  context: HypercallContext,
  { domId, order, count }: { domId: number; order: number; count: number },
  act: ExtentAct,
): Continuation {
  const frames: number[] = [];
  const perChunk = Math.max(1, Math.min(EXTENTS_PER_CHUNK, FRAMES_PER_CHUNK >> order));
  const extentCostNs = COST.extentNs + COST.frameNs * (1n << BigInt(order));
  let done = 0;
  while (done < count) {
    const domain = context.host.domains.get(domId);
    if (domain === undefined) break;
    const end = Math.min(count, done + perChunk);
    const stopped = domain.space.frames.batch(() => {
      for (; done < end; done += 1) {
        context.spend(extentCostNs);
        const did = attempt(domain, done, act);
        if (did === null) return true;
        if (did !== true) frames.push(did);
      }
      return false;
    });
    if (stopped) break;
    if (done < count) yield;
  }
  return { rc: done, frames };
}

function attempt(domain: Domain, at: number, act: ExtentAct): number | true | null {
  try {
    return act(domain, at);
  } catch (thrown) {
    // What cannot be read stops the call as anything else does.
    faultErrno(thrown);
    return null;
  }
}

/**
 * `extents` of `order` for new ones of `outOrder` at `outExtents`; both the same size in all. Chunk by chunk.
 * @returns `{ rc, exchanged, frames }`: extents given so far, and the new ones.
 */
function* exchange(context: HypercallContext, call: Arguments): Continuation {
  const order = call.integerOr('order', 0, { min: 0, max: LIMITS.extentOrderMax, errno: 'EPERM' });
  const outOrder = call.integerOr('outOrder', 0, { min: 0, max: LIMITS.extentOrderMax, errno: 'EPERM' });
  const given = call.list('extents', LIMITS.reservationExtentsMax);
  const wanted = call.list('outExtents', LIMITS.reservationExtentsMax);
  if (given.length * (1 << order) !== wanted.length * (1 << outOrder))
    return { rc: -ERRNO.EINVAL, exchanged: 0 };
  const { domId } = subject(context, call).identity;
  const chunk = Math.max(order, outOrder);
  const frames: number[] = [];
  let exchanged = 0;
  for (let at = 0; at * (1 << chunk) < given.length * (1 << order); at += 1) {
    const domain = context.host.domains.get(domId);
    if (domain === undefined) return { rc: -ERRNO.ESRCH, exchanged, frames };
    context.spend(COST.extentNs + COST.frameNs * (2n << BigInt(chunk)));
    let fresh: readonly number[] | number;
    try {
      const extents = slice(given, at, 1 << (chunk - order));
      const gfns = slice(wanted, at, 1 << (chunk - outOrder));
      fresh = domain.space.frames.batch(() =>
        exchangeExtents(domain.space, { extents, order }, { gfns, order: outOrder }),
      );
    } catch (thrown) {
      fresh = faultErrno(thrown);
    }
    if (typeof fresh === 'number') return { rc: fresh, exchanged, frames };
    exchanged += 1 << (chunk - order);
    frames.push(...fresh);
    yield;
  }
  return { rc: 0, exchanged, frames };
}

function slice(list: ArgumentList, chunk: number, length: number): number[] {
  return Array.from({ length }, (_, at) => list.integer(chunk * length + at, 0, GFN_MAX));
}

/** `{ space, index, gpfn }`: moves a frame of the domain's own to another guest frame number. */
function addToPhysmap(domain: Domain, call: Arguments): number {
  const space = call.oneOf('space', ['shared_info', 'grant_table', 'gmfn'], 'ENOSYS');
  const index = call.integerOr('index', 0, { min: 0, max: GFN_MAX });
  const gpfn = call.integer('gpfn', 0, GFN_MAX);
  if (space === 'gmfn') return moveInPhysmap(domain.space, index, gpfn);
  const mfn = domain.space.kernelFrames(space === 'grant_table' ? 'grant' : space)[index];
  if (mfn === undefined) return -ERRNO.EINVAL;
  return moveInPhysmap(domain.space, domain.space.frames.records.gfn[mfn]! - 1, gpfn);
}

/** `{ domId, pages }`: the privileged promise memory to a domain before they build it. */
function claimPages(context: HypercallContext, call: Arguments): number {
  if (!context.domain.identity.privileged) return -ERRNO.EPERM;
  const { identity, space } = subject(context, call);
  return space.frames.claim(identity.domId, call.integer('pages', 0, LIMITS.hostFramesMax));
}

/** The domain a call is about. ESRCH; EPERM for another's, unless privileged. */
function subject(context: HypercallContext, call: Arguments): Domain {
  const domId = call.integerOr('domId', DOMID_SELF, { min: 0, max: 0xffff, errno: 'ESRCH' });
  if (domId === DOMID_SELF || domId === context.domain.identity.domId) return context.domain;
  const domain = context.host.domains.get(domId);
  if (domain === undefined) throw new Fault('ESRCH');
  if (!context.domain.identity.privileged) throw new Fault('EPERM');
  return domain;
}
