/** Grant table version 1 as guests and Xen share it (public/grant_table.h). */

/** How one element of a grant table operation ended. The call itself answers 0 or a negative errno. */
export const GNTST = {
  okay: 0,
  general_error: -1,
  bad_domain: -2,
  bad_gntref: -3,
  bad_handle: -4,
  bad_virt_addr: -5,
  bad_dev_addr: -6,
  no_device_space: -7,
  permission_denied: -8,
  bad_page: -9,
  bad_copy_arg: -10,
  address_too_big: -11,
  eagain: -12,
  no_space: -13,
} as const;
export type GrantStatus = (typeof GNTST)[keyof typeof GNTST];

/**
 * Flags of an entry: `u16 flags, u16 domid, u32 frame`, little endian. The two low bits are its type. Xen sets
 * `reading` and `writing` while the frame is in use, and `transferCommitted` and `transferCompleted`.
 */
export const GTF = {
  typeMask: 3,
  invalid: 0,
  permitAccess: 1,
  acceptTransfer: 2,
  transitive: 3,
  readonly: 1 << 2,
  reading: 1 << 3,
  writing: 1 << 4,
  transferCommitted: 1 << 2,
  transferCompleted: 1 << 3,
  /** Version 2 only: a mapping of such an entry is refused. */
  subPage: 1 << 8,
} as const;

/** Flags of `map_grant_ref`. */
export const GNTMAP = {
  deviceMap: 1,
  hostMap: 2,
  readonly: 4,
  applicationMap: 8,
  /** `hostAddr` is the machine address of a page table entry, not a virtual address. */
  containsPte: 16,
} as const;

/** Flags of `copy`: which side is named by a grant reference instead of a frame. */
export const GNTCOPY = { sourceGref: 1, destGref: 2 } as const;

export const GRANT_ENTRY_BYTES = 8;
export const GRANT_ENTRIES_PER_FRAME = 512;
/** The references a guest leaves to the toolstack, which puts the console's and xenstore's rings there. */
export const GRANT_RESERVED_ENTRIES = 8;
export const GRANT_REF_CONSOLE = 0;
export const GRANT_REF_XENSTORE = 1;
/** Mappings that one frame of maptrack holds. */
export const MAPTRACK_ENTRIES_PER_FRAME = 256;
