import { GNTMAP, GNTST, type GrantStatus } from '../abi/grant.js';
import { FRAME_BYTES } from '../memory/frame-records.js';
import type { FrameTable } from '../memory/frame-table.js';
import type { PinKind } from './active-grant.js';
import type { GrantTable } from './grant-table.js';
import type { GrantMapping } from './maptrack.js';

/** What the operations of one caller work on. */
export interface GrantScope {
  readonly frames: FrameTable;
  readonly caller: GrantTable;
  /** The table of a live domain. */
  tableOf(domId: number): GrantTable | null;
}

export interface MapRequest {
  hostAddr: bigint;
  flags: number;
  ref: number;
  domId: number;
}

export interface MapResult {
  status: GrantStatus;
  handle: number;
  devBusAddr: bigint;
}

export interface UnmapRequest {
  /** 0 leaves that part mapped. */
  hostAddr: bigint;
  devBusAddr: bigint;
  handle: number;
}

/** The machine address by which a device reaches a frame. */
export function busAddressOf(mfn: number): bigint {
  return BigInt(mfn) * BigInt(FRAME_BYTES);
}

/**
 * Maps somebody's granted frame: for the CPU at `hostAddr`, for a device, or both. Each part takes one reference to the
 * frame, and one to it as writable memory unless it is read-only. Nothing is left behind when it is refused.
 */
export function mapGrant(scope: GrantScope, request: MapRequest): MapResult {
  const { caller } = scope;
  const has = (flag: number) => (request.flags & flag) !== 0;
  const kind = { host: has(GNTMAP.hostMap), device: has(GNTMAP.deviceMap), write: !has(GNTMAP.readonly) };
  if (!kind.host && !kind.device) return refused(GNTST.bad_gntref);
  // A translated domain knows nothing of machine addresses.
  if (caller.space.translated && (kind.device || has(GNTMAP.containsPte)))
    return refused(GNTST.general_error);
  const granter = scope.tableOf(request.domId);
  if (granter === null) return refused(GNTST.bad_domain);
  if (caller.maptrack.full) return refused(GNTST.no_space);
  const grant = granter.pin(request.ref, caller.domId, kind);
  if (typeof grant === 'number') return refused(grant === GNTST.bad_page ? GNTST.general_error : grant);
  if (!takeReferences(scope.frames, granter.domId, grant.mfn, kind)) {
    granter.unpin(grant, kind);
    return refused(GNTST.general_error);
  }
  const containsPte = has(GNTMAP.containsPte);
  const mapped = kind.host
    ? caller.space.mapGrant(request.hostAddr, grant.mfn, { writable: kind.write, containsPte })
    : { status: GNTST.okay, place: null };
  if (mapped.status !== GNTST.okay) {
    dropReferences(scope.frames, grant.mfn, kind);
    granter.unpin(grant, kind);
    return refused(mapped.status as GrantStatus);
  }
  if (granter !== caller) {
    caller.held.add(grant.mfn);
    granter.lent.add(grant.mfn);
  }
  const { device, write } = kind;
  const handle = caller.maptrack.add({ granter, grant, write, device, containsPte, place: mapped.place });
  return { status: GNTST.okay, handle, devBusAddr: kind.device ? busAddressOf(grant.mfn) : 0n };
}

/** Ends the parts of a mapping that the request names; the handle is free again when both have ended. */
export function unmapGrant(scope: GrantScope, request: UnmapRequest): GrantStatus {
  const { caller, frames } = scope;
  const mapping = caller.maptrack.get(request.handle);
  if (mapping === null) return GNTST.bad_handle;
  const { place, containsPte, grant } = mapping;
  const host = place !== null && request.hostAddr !== 0n;
  const device = mapping.device && request.devBusAddr !== 0n;
  if (host && !caller.space.isAt(place, request.hostAddr, containsPte)) return GNTST.general_error;
  if (device && request.devBusAddr !== busAddressOf(grant.mfn)) return GNTST.general_error;
  endParts(frames, caller, mapping, { host, device, write: mapping.write });
  if (mapping.place === null && !mapping.device) forget(caller, request.handle, mapping);
  return GNTST.okay;
}

/** The mapper is gone: everything it has mapped is let go of. */
export function releaseMappings(frames: FrameTable, mapper: GrantTable): void {
  for (const [handle, mapping] of [...mapper.maptrack.entries()]) {
    const { place, device, write } = mapping;
    endParts(frames, mapper, mapping, { host: place !== null, device, write });
    forget(mapper, handle, mapping);
  }
}

function endParts(frames: FrameTable, mapper: GrantTable, mapping: GrantMapping, parts: PinKind): void {
  if (parts.host && mapping.place !== null) {
    mapper.space.unmapGrant(mapping.place);
    mapping.place = null;
  }
  if (parts.device) mapping.device = false;
  mapping.granter.unpin(mapping.grant, parts);
  dropReferences(frames, mapping.grant.mfn, parts);
}

function forget(mapper: GrantTable, handle: number, { granter, grant }: GrantMapping): void {
  mapper.maptrack.remove(handle);
  if (granter === mapper) return;
  mapper.held.remove(grant.mfn);
  granter.lent.remove(grant.mfn);
}

function takeReferences(frames: FrameTable, ownerId: number, mfn: number, kind: PinKind): boolean {
  const parts = (kind.host ? 1 : 0) + (kind.device ? 1 : 0);
  for (let taken = 0; taken < parts; taken += 1) {
    const got = kind.write ? frames.getPageAndType(mfn, ownerId, 'writable') : frames.getPage(mfn, ownerId);
    if (got) continue;
    for (; taken > 0; taken -= 1) dropOne(frames, mfn, kind.write);
    return false;
  }
  return true;
}

function dropReferences(frames: FrameTable, mfn: number, kind: PinKind): void {
  if (kind.host) dropOne(frames, mfn, kind.write);
  if (kind.device) dropOne(frames, mfn, kind.write);
}

function dropOne(frames: FrameTable, mfn: number, write: boolean): void {
  if (write) frames.putPageAndType(mfn, 'writable');
  else frames.putPage(mfn);
}

function refused(status: GrantStatus): MapResult {
  return { status, handle: 0, devBusAddr: 0n };
}
