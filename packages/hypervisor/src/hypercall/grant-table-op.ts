import { CPU_MODEL, perKib } from '../abi/cpu-model.js';
import { ERRNO } from '../abi/errno.js';
import { GNTCOPY, GNTST, type GrantStatus } from '../abi/grant.js';
import { DOMID_SELF } from '../abi/guest.js';
import type { HypercallAnswer } from '../abi/hypercall.js';
import { type CopyEnd, copyGrant } from '../grant/copy-grant.js';
import type { GrantTable } from '../grant/grant-table.js';
import { type GrantScope, mapGrant, unmapGrant } from '../grant/map-grant.js';
import { transferGrant } from '../grant/transfer-grant.js';
import { LIMITS } from '../limits.js';
import { type ArgumentList, type Arguments, Fault, faultErrno } from './arguments.js';
import type { Continuation, HypercallContext } from './context.js';

const COMMANDS = [
  'map_grant_ref',
  'unmap_grant_ref',
  'setup_table',
  'dump_table',
  'transfer',
  'copy',
  'query_size',
  'unmap_and_replace',
  'set_version',
  'get_status_frames',
  'get_version',
  'swap_grant_ref',
] as const;
type Command = (typeof COMMANDS)[number];

const U16 = 0xffff;
const U32 = 0xffff_ffff;
/** Elements between two points at which the caller may be preempted. */
const ELEMENTS_PER_CHUNK = 16;
/** Of a table, that `dump_table` describes. */
const DUMPED_GRANTS_MAX = 512;
const COST = CPU_MODEL.hypercall.grant_table_op;

/** One element of a call: what it answers beside its status is copied out with it. */
type Element = (request: Request, element: Arguments) => { status: GrantStatus; [field: string]: unknown };

interface Request {
  context: HypercallContext;
  scope: GrantScope;
}

const LISTED: Partial<Record<Command, Element>> = {
  map_grant_ref: map,
  unmap_grant_ref: unmap,
  transfer,
  copy,
  swap_grant_ref: swap,
};
const SINGLE: Partial<Record<Command, Element>> = {
  setup_table: setUpTable,
  query_size: querySize,
  dump_table: dumpTable,
};

/**
 * `cmd` with a list `ops` of structures, answered by `results` of the same length, each with a GNTST status of its own.
 * The call itself is 0, or the errno of an element that cannot be read, after those before it were done. Version 1 only;
 * `unmap_and_replace` and `get_status_frames` are EOPNOTSUPP.
 */
export function grantTableOp(context: HypercallContext, call: Arguments): HypercallAnswer | Continuation {
  const { domain, host } = context;
  const cmd = call.oneOf('cmd', COMMANDS, 'ENOSYS');
  const { grants } = domain;
  if (cmd === 'unmap_and_replace' || cmd === 'get_status_frames') return -ERRNO.EOPNOTSUPP;
  const scope: GrantScope = {
    frames: grants.space.frames,
    caller: grants,
    tableOf: (domId) => host.domains.get(domId)?.grants ?? null,
  };
  const ops = call.list('ops', LIMITS.grantElementsMax);
  const listed = LISTED[cmd];
  if (listed !== undefined) return each({ context, scope }, ops, listed);
  if (ops.length !== 1) return -ERRNO.EINVAL;
  const element = ops.structure(0);
  const single = SINGLE[cmd];
  if (single !== undefined) return { rc: 0, results: [single({ context, scope }, element)] };
  context.spend(COST.queryNs);
  return cmd === 'set_version' ? setVersion(element) : getVersion({ context, scope }, element);
}

function* each(request: Request, ops: ArgumentList, act: Element): Continuation {
  const results: ReturnType<Element>[] = [];
  for (let at = 0; at < ops.length; at += 1) {
    try {
      results.push(act(request, ops.structure(at)));
    } catch (thrown) {
      return { rc: faultErrno(thrown), results };
    }
    if (at % ELEMENTS_PER_CHUNK === ELEMENTS_PER_CHUNK - 1) yield;
  }
  return { rc: 0, results };
}

function map({ context, scope }: Request, element: Arguments): ReturnType<Element> {
  context.spend(COST.mapNs);
  return {
    ...mapGrant(scope, {
      hostAddr: element.unsigned64('hostAddr'),
      flags: element.integer('flags', 0, U32),
      ref: element.integer('ref', 0, U32),
      domId: element.integer('domId', 0, U16),
    }),
  };
}

function unmap({ context, scope }: Request, element: Arguments): ReturnType<Element> {
  context.spend(COST.unmapNs);
  const devBusAddr = element.unsigned64Or('devBusAddr', 0n);
  const hostAddr = element.unsigned64('hostAddr');
  return { status: unmapGrant(scope, { hostAddr, devBusAddr, handle: element.integer('handle', 0, U32) }) };
}

function transfer({ context, scope }: Request, element: Arguments): ReturnType<Element> {
  context.spend(COST.transferNs);
  const status = transferGrant(scope, {
    frame: element.integer('frame', 0, Number.MAX_SAFE_INTEGER),
    domId: element.integer('domId', 0, U16),
    ref: element.integer('ref', 0, U32),
  });
  return { status };
}

function copy({ context, scope }: Request, element: Arguments): ReturnType<Element> {
  const length = element.integer('len', 0, U16);
  const flags = element.integer('flags', 0, U16);
  context.spend(COST.copyNs + perKib(COST.copyPerKibNs, length));
  const source = copyEnd(element.inner('source'), (flags & GNTCOPY.sourceGref) !== 0);
  const dest = copyEnd(element.inner('dest'), (flags & GNTCOPY.destGref) !== 0);
  return { status: copyGrant(scope, { source, dest, length, flags }) };
}

/** A reference and a frame share their place in Xen's structure; the flags of the copy tell which one it is. */
function copyEnd(end: Arguments, isRef: boolean): CopyEnd {
  return {
    refOrFrame: isRef ? end.integer('ref', 0, U32) : end.integer('frame', 0, Number.MAX_SAFE_INTEGER),
    domId: end.integer('domId', 0, U16),
    offset: end.integer('offset', 0, U16),
  };
}

function swap({ context, scope }: Request, element: Arguments): ReturnType<Element> {
  context.spend(COST.queryNs);
  return { status: scope.caller.swap(element.integer('refA', 0, U32), element.integer('refB', 0, U32)) };
}

function setUpTable(request: Request, element: Arguments): ReturnType<Element> {
  const table = tableFor(request, element.integer('domId', 0, U16));
  const frames = element.integer('nrFrames', 0, U32);
  if (typeof table === 'number') return { status: table, frameList: [] };
  if (frames > table.maxFrames) return { status: GNTST.general_error, frameList: [] };
  request.context.spend(COST.frameNs * BigInt(frames));
  if (!table.grow(frames)) return { status: GNTST.general_error, frameList: [] };
  return { status: GNTST.okay, frameList: table.frameList(frames) };
}

function querySize(request: Request, element: Arguments): ReturnType<Element> {
  request.context.spend(COST.queryNs);
  const table = tableFor(request, element.integer('domId', 0, U16));
  if (typeof table === 'number') return { status: table, nrFrames: 0, maxNrFrames: 0 };
  return { status: GNTST.okay, nrFrames: table.frameCount, maxNrFrames: table.maxFrames };
}

/** For privileged domains: the grants in use, with their users. */
function dumpTable(request: Request, element: Arguments): ReturnType<Element> {
  request.context.spend(COST.queryNs);
  if (!request.context.domain.identity.privileged) throw new Fault('EPERM');
  const table = tableFor(request, element.integer('domId', 0, U16));
  if (typeof table === 'number') return { status: table, grants: [] };
  const grants: unknown[] = [];
  for (const grant of table.activeGrants()) {
    if (grants.length === DUMPED_GRANTS_MAX) break;
    const { ref, userId, gfn, hostReaders, hostWriters, deviceReaders, deviceWriters } = grant;
    const pins = { hostReaders, hostWriters, deviceReaders, deviceWriters };
    grants.push({ ref, domId: userId, frame: gfn, pins });
  }
  request.context.spend(COST.queryNs * BigInt(grants.length));
  return { status: GNTST.okay, nrFrames: table.frameCount, inUse: table.activeCount, grants };
}

/** Only version 1 exists here: 2 is ENOSYS, as where Xen was told so, anything else EINVAL. */
function setVersion(element: Arguments): HypercallAnswer {
  const version = element.integer('version', 1, 2);
  return version === 1 ? { rc: 0, version } : { rc: -ERRNO.ENOSYS, version: 1 };
}

function getVersion(request: Request, element: Arguments): HypercallAnswer {
  const table = tableFor(request, element.integer('domId', 0, U16));
  if (table === GNTST.bad_domain) return -ERRNO.ESRCH;
  return typeof table === 'number' ? -ERRNO.EPERM : { rc: 0, version: 1 };
}

/** The caller's own table, or for a privileged caller anybody's. */
function tableFor({ context, scope }: Request, domId: number): GrantTable | GrantStatus {
  if (domId === DOMID_SELF || domId === scope.caller.domId) return scope.caller;
  const table = scope.tableOf(domId);
  if (table === null) return GNTST.bad_domain;
  return context.domain.identity.privileged ? table : GNTST.permission_denied;
}
