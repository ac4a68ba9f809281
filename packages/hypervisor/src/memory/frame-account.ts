import { NONE } from './frame-records.js';

/** What one domain owns, may own and has been promised. */
export class FrameAccount {
  /** Frames of this owner, referenced or not: Xen's tot_pages. */
  owned = 0;
  /** First frame of the list of what it owns. */
  head = NONE;
  /** Frames promised and not allocated yet: Xen's outstanding_pages. */
  outstanding = 0;
  /** Validated page tables. */
  tables = 0;
  /** Destroyed; what it still owns, others refer to. */
  dead = false;

  constructor(
    readonly domId: number,
    /** Xen's max_pages; may be below what is owned (the ratchet). */
    public max: number,
  ) {}
}
