import type { SocketDataRing } from '../abi/sockets.js';
import { ByteQueue } from '../base/byte-queue.js';
import { LIMITS } from '../limits.js';

/** The two bounded streams of one connection, empty and open both ways. */
export function createDataRing(): SocketDataRing {
  return {
    in: new ByteQueue(LIMITS.socketRingBytes),
    out: new ByteQueue(LIMITS.socketRingBytes),
    inEnded: false,
    error: 0,
    outEnded: false,
  };
}
