/**
 * The Merkle block that carries readings: how a host seals one and how anyone checks it.
 *
 * Design. Leaves are SHA-256(0x00 | reading hash), inner nodes SHA-256(0x01 | left | right); an odd node at the end of
 * a row moves up unchanged (the tree of RFC 6962). The host signs the ASCII text `XRB1|hostId|epoch|batch|root` with
 * Ed25519. A batch is never empty.
 *
 * Invariants. Every bit of every reading is under the signature; inside a batch the readings of one incarnation are
 * contiguous in seq and linked by their hashes.
 */
import { createHash, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import type { ReadingBatch } from '../control.js';
import { hashReading, type WireReading } from '../reading.js';

/** Most readings one batch may carry; a host with more seals several. */
export const BATCH_READINGS_MAX = 1_000;

/** First fault found in a batch; `field` is a path such as `readings[3].hash`. */
export interface BatchFault {
  field: string;
  detail: string;
}

function digest(prefix: number, ...parts: Buffer[]): Buffer {
  const hash = createHash('sha256').update(Buffer.from([prefix]));
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** Hex Merkle root over hex reading hashes, in order. Throws RangeError for an empty list. */
export function merkleRoot(hashes: readonly string[]): string {
  if (hashes.length === 0) throw new RangeError('a Merkle root needs at least one reading');
  let row = hashes.map((hash) => digest(0, Buffer.from(hash, 'hex')));
  while (row.length > 1) {
    const next: Buffer[] = [];
    for (let at = 0; at < row.length; at += 2) {
      const left = row[at]!;
      const right = row[at + 1];
      next.push(right === undefined ? left : digest(1, left, right));
    }
    row = next;
  }
  return row[0]!.toString('hex');
}

function signedText(batch: Pick<ReadingBatch, 'hostId' | 'epoch' | 'batch' | 'root'>): Buffer {
  return Buffer.from(`XRB1|${batch.hostId}|${batch.epoch}|${batch.batch}|${batch.root}`);
}

/** Seals readings into a signed batch. */
export function sealBatch(
  head: Pick<ReadingBatch, 'hostId' | 'epoch' | 'batch'>,
  readings: WireReading[],
  privateKey: KeyObject,
): ReadingBatch {
  const root = merkleRoot(readings.map((reading) => reading.hash));
  const signature = sign(null, signedText({ ...head, root }), privateKey).toString('base64');
  return { ...head, readings, root, signature };
}

/** A host's public key from its wire form: base64 of the DER SubjectPublicKeyInfo. Throws when it is not one. */
export function readPublicKey(text: string): KeyObject {
  const key = createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' });
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new TypeError(`public key is ${String(key.asymmetricKeyType)}, expected ed25519`);
  }
  return key;
}

function recomputedHash(reading: WireReading): string | null {
  try {
    return hashReading(reading);
  } catch {
    return null;
  }
}

function findReadingFault(readings: readonly WireReading[]): BatchFault | null {
  const heads = new Map<string, WireReading>();
  for (const [at, reading] of readings.entries()) {
    const field = `readings[${at}]`;
    if (typeof reading !== 'object' || reading === null) return { field, detail: 'is not an object' };
    const hash = recomputedHash(reading);
    if (hash === null) return { field, detail: 'has no canonical form' };
    if (hash !== reading.hash)
      return { field: `${field}.hash`, detail: `is ${reading.hash}, content gives ${hash}` };
    const head = heads.get(reading.incarnation);
    if (head !== undefined && reading.seq !== head.seq + 1) {
      return { field: `${field}.seq`, detail: `is ${reading.seq}, expected ${head.seq + 1}` };
    }
    if (head !== undefined && reading.prev !== head.hash) {
      return { field: `${field}.prev`, detail: `is ${reading.prev}, the reading before has ${head.hash}` };
    }
    heads.set(reading.incarnation, reading);
  }
  return null;
}

/**
 * Checks a batch of unknown origin: reading hashes, chains inside the batch, root, signature; in that order.
 * Answers null when it is sound, else the first fault. Never throws on hostile input.
 * `publicKey` is the `publicKey` of the host's `booted` event.
 */
export function verifyBatch(batch: ReadingBatch, publicKey: string): BatchFault | null {
  if (typeof batch !== 'object' || batch === null || !Array.isArray(batch.readings)) {
    return { field: 'readings', detail: 'is not a list' };
  }
  const count = batch.readings.length;
  if (count < 1 || count > BATCH_READINGS_MAX) {
    return { field: 'readings', detail: `has ${count} readings, allowed are 1 to ${BATCH_READINGS_MAX}` };
  }
  const fault = findReadingFault(batch.readings);
  if (fault !== null) return fault;
  const root = merkleRoot(batch.readings.map((reading) => reading.hash));
  if (root !== batch.root)
    return { field: 'root', detail: `is ${String(batch.root)}, readings give ${root}` };
  try {
    const signature = Buffer.from(batch.signature, 'base64');
    if (verify(null, signedText(batch), readPublicKey(publicKey), signature)) return null;
  } catch (error) {
    return { field: 'signature', detail: `can not be checked: ${(error as Error).message}` };
  }
  return { field: 'signature', detail: 'is not by this host key over hostId, epoch, batch and root' };
}
