export * from './control.js';
export {
  encodeReading,
  hashReading,
  ZERO_HASH,
  type ReadingKind,
  type ReadingState,
  type ResourceKind,
  type WireReading,
} from './reading.js';
export {
  BATCH_READINGS_MAX,
  merkleRoot,
  readPublicKey,
  verifyBatch,
  type BatchFault,
} from './proof/batch.js';
export { exportPublicKey, LEASE_ITEMS_MAX, signLease } from './proof/lease-signature.js';
export { startXenoServer } from './start-xenoserver.js';
export { XenoServer, type XenoServerOptions, type XenoServerTime } from './host/xenoserver.js';
export { realClock, type WallClock } from './clock/wall-clock.js';
export { BatchJournal } from './storage/batch-journal.js';
