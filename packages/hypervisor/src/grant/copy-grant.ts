import { DOMID_SELF } from '../abi/guest.js';
import { GNTCOPY, GNTST, type GrantStatus } from '../abi/grant.js';
import { FRAME_BYTES } from '../memory/frame-records.js';
import type { ActiveGrant, PinKind } from './active-grant.js';
import type { GrantTable } from './grant-table.js';
import type { GrantScope } from './map-grant.js';

/** One end of a copy: a grant of `domId`, or a frame of the caller's own. */
export interface CopyEnd {
  refOrFrame: number;
  domId: number;
  offset: number;
}

export interface CopyRequest {
  source: CopyEnd;
  dest: CopyEnd;
  length: number;
  flags: number;
}

/** A frame in hand for one copy, and how to let go of it. */
interface HeldFrame {
  mfn: number;
  release(): void;
}

/** Copies within one frame each. The frames are held, and grants pinned, only while it lasts. */
export function copyGrant(scope: GrantScope, request: CopyRequest): GrantStatus {
  const { source, dest, length, flags } = request;
  const sourceIsRef = (flags & GNTCOPY.sourceGref) !== 0;
  const destIsRef = (flags & GNTCOPY.destGref) !== 0;
  const from = findTable(scope, source.domId, sourceIsRef);
  if (typeof from === 'number') return from;
  const to = findTable(scope, dest.domId, destIsRef);
  if (typeof to === 'number') return to;
  if (source.offset + length > FRAME_BYTES || dest.offset + length > FRAME_BYTES) return GNTST.bad_copy_arg;
  const read = hold(scope, from, { end: source, isRef: sourceIsRef, write: false });
  if (typeof read === 'number') return read;
  const written = hold(scope, to, { end: dest, isRef: destIsRef, write: true });
  if (typeof written === 'number') {
    read.release();
    return written;
  }
  const bytes = scope.frames.bytesOf(read.mfn).subarray(source.offset, source.offset + length);
  scope.frames.bytesOf(written.mfn).set(bytes, dest.offset);
  written.release();
  read.release();
  return GNTST.okay;
}

/** Frames that are not granted may only be the caller's own. */
function findTable(scope: GrantScope, domId: number, isRef: boolean): GrantTable | GrantStatus {
  if (domId === DOMID_SELF) return scope.caller;
  if (!isRef) return GNTST.permission_denied;
  return scope.tableOf(domId) ?? GNTST.bad_domain;
}

function hold(
  scope: GrantScope,
  table: GrantTable,
  side: { end: CopyEnd; isRef: boolean; write: boolean },
): HeldFrame | GrantStatus {
  const { end, isRef, write } = side;
  if (!isRef) {
    const mfn = table.space.machineFrameOf(end.refOrFrame);
    return mfn === null ? GNTST.bad_page : reference(scope, { mfn, ownerId: table.domId, write });
  }
  const kind: PinKind = { host: true, device: false, write };
  const grant: ActiveGrant | GrantStatus = table.pin(end.refOrFrame, scope.caller.domId, kind);
  if (typeof grant === 'number') return grant;
  const held = reference(scope, { mfn: grant.mfn, ownerId: table.domId, write });
  if (typeof held === 'number') {
    table.unpin(grant, kind);
    return held;
  }
  return {
    mfn: held.mfn,
    release: () => {
      table.unpin(grant, kind);
      held.release();
    },
  };
}

function reference(
  { frames }: GrantScope,
  { mfn, ownerId, write }: { mfn: number; ownerId: number; write: boolean },
): HeldFrame | GrantStatus {
  if (!frames.getPage(mfn, ownerId)) return GNTST.bad_page;
  if (!write) return { mfn, release: () => frames.putPage(mfn) };
  if (!frames.getPageType(mfn, 'writable')) {
    frames.putPage(mfn);
    return GNTST.general_error;
  }
  return { mfn, release: () => frames.putPageAndType(mfn, 'writable') };
}
