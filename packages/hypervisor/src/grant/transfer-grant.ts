import { GNTST, type GrantStatus } from '../abi/grant.js';
import type { GrantTable } from './grant-table.js';
import type { GrantScope } from './map-grant.js';

export interface TransferRequest {
  /** The caller's number of the frame. */
  frame: number;
  domId: number;
  ref: number;
}

/**
 * Gives a frame, contents and all, to a domain that has an entry waiting for it (a page flip). The frame leaves the
 * caller first; if anything fails after that, it is lost to it and free, as in Xen.
 */
export function transferGrant(scope: GrantScope, request: TransferRequest): GrantStatus {
  const { frames, caller } = scope;
  const mfn = caller.space.machineFrameOf(request.frame);
  if (mfn === null || !frames.stealPage(mfn, caller.domId)) return GNTST.bad_page;
  caller.space.map?.removeOwn(request.frame);
  const receiver = scope.tableOf(request.domId);
  const status = receiver === null ? GNTST.bad_domain : receive(scope, receiver, { mfn, ref: request.ref });
  if (status !== GNTST.okay) frames.freeStolen(mfn);
  return status;
}

function receive(
  { frames, caller }: GrantScope,
  receiver: GrantTable,
  { mfn, ref }: { mfn: number; ref: number },
): GrantStatus {
  if (!receiver.commitTransfer(ref, caller.domId)) return GNTST.general_error;
  const { map, gfnMax } = receiver.space;
  // A translated receiver said in its entry where it wants the frame; others learn from it which frame they got.
  const frame = map === null ? mfn : receiver.entries.frameOf(ref);
  if (map !== null && (frame >= gfnMax || !map.isEmpty(frame))) return GNTST.general_error;
  if (!frames.assignPage(mfn, receiver.domId)) return GNTST.general_error;
  if (map !== null) {
    map.setOwn(frame, mfn);
    frames.records.gfn[mfn] = frame + 1;
  }
  receiver.completeTransfer(ref, frame);
  return GNTST.okay;
}
