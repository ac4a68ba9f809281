import type { EventPort } from './guest.js';
import type { RingFront } from './ring.js';

export const BLOCK_SECTOR_BYTES = 512;

/** blkif status codes (public/io/blkif.h). */
export const BLOCK_STATUS = { OKAY: 0, ERROR: -1, EOPNOTSUPP: -2 } as const;

export type BlockOp = 'read' | 'write' | 'flush';

/** One request of a frontend; a write carries exactly `sectors` x 512 bytes. */
export interface BlockRequest {
  id: number;
  op: BlockOp;
  sector: number;
  sectors: number;
  data?: Uint8Array;
}

export interface BlockResponse {
  id: number;
  status: number;
  data?: Uint8Array;
}

/** A virtual block device as its guest sees it. */
export interface BlockFrontend {
  volumeId: string;
  sectors: number;
  readOnly: boolean;
  ring: RingFront<BlockRequest, BlockResponse>;
  port: EventPort;
}
