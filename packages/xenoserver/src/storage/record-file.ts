/**
 * A file of checksummed records that is only ever appended to.
 *
 * Design. The file opens with the 4 bytes "XRJ1". A record is u32 payload length, u32 CRC-32 (IEEE 802.3) over the
 * length's 4 bytes and the payload, then the payload; big endian. Appends that wait for the disk are written together
 * and share one fdatasync (group commit), in the order they were asked for.
 *
 * Invariants. An append is answered only when its bytes are on the disk. Reading stops at the first record that is
 * short or whose checksum is wrong: everything before it was written whole, nothing after it was ever answered, so
 * the tail is cut off when the file is opened again.
 */
import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from './crc32.js';
import { syncFolder } from './atomic-file.js';

const MAGIC = Buffer.from('XRJ1');
const HEAD_BYTES = 8;
/** No record is longer; a longer length in a file is damage, not data. */
export const RECORD_BYTES_MAX = 64 * 1024 * 1024;

/** Where a record's payload lies in its file. */
export interface RecordPlace {
  offset: number;
  length: number;
}

export interface FoundRecord extends RecordPlace {
  payload: Buffer;
}

function checksum(length: number, payload: Buffer): number {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(length);
  return crc32(payload, crc32(head));
}

function encodeRecord(payload: Buffer): Buffer {
  if (payload.length > RECORD_BYTES_MAX) {
    throw new RangeError(`record of ${payload.length} bytes, at most ${RECORD_BYTES_MAX}`);
  }
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(payload.length, 0);
  head.writeUInt32BE(checksum(payload.length, payload), 4);
  return Buffer.concat([head, payload]);
}

/**
 * The whole records at the front of `bytes`, and how many bytes they cover (0 when the magic itself is torn).
 * Throws when the bytes open with something else: that file is not ours to cut.
 */
export function findRecords(bytes: Buffer): { records: FoundRecord[]; validBytes: number } {
  const records: FoundRecord[] = [];
  const opening = bytes.subarray(0, MAGIC.length);
  if (!opening.equals(MAGIC)) {
    // A crash leaves a shorter magic, or zeros where the size reached the disk before the bytes did.
    if (opening.length < MAGIC.length || bytes.every((byte) => byte === 0)) return { records, validBytes: 0 };
    throw new Error(`file opens with ${opening.toString('hex')}, expected the magic XRJ1`);
  }
  let at = MAGIC.length;
  while (at + HEAD_BYTES <= bytes.length) {
    const length = bytes.readUInt32BE(at);
    const offset = at + HEAD_BYTES;
    if (length > RECORD_BYTES_MAX || offset + length > bytes.length) break;
    const payload = bytes.subarray(offset, offset + length);
    if (checksum(length, payload) !== bytes.readUInt32BE(at + 4)) break;
    records.push({ offset, length, payload });
    at = offset + length;
  }
  return { records, validBytes: at };
}

interface WaitingAppend {
  payload: Buffer;
  done: (place: RecordPlace) => void;
  failed: (error: unknown) => void;
}

export class RecordFile {
  private waiting: WaitingAppend[] = [];
  private pumping: Promise<void> | null = null;
  private failure: unknown = null;

  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
    private endOffset: number,
  ) {}

  /** Opens or makes a file, cuts a torn tail off and answers the records that are whole. */
  static async open(path: string): Promise<{ file: RecordFile; records: FoundRecord[]; tornBytes: number }> {
    const fd = openSync(path, 'a+', 0o600);
    let found: ReturnType<typeof findRecords>;
    let tornBytes: number;
    try {
      const bytes = readFileSync(fd);
      found = findRecords(bytes);
      tornBytes = bytes.length - found.validBytes;
      if (tornBytes > 0) ftruncateSync(fd, found.validBytes);
      if (found.validBytes === 0) writeSync(fd, MAGIC);
      if (tornBytes > 0 || found.validBytes === 0) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    syncFolder(dirname(path));
    const handle = await open(path, 'r+');
    const end = Math.max(found.validBytes, MAGIC.length);
    return { file: new RecordFile(path, handle, end), records: found.records, tornBytes };
  }

  /** Bytes of the file, those still on their way to the disk included. */
  get bytes(): number {
    return this.waiting.reduce((sum, append) => sum + HEAD_BYTES + append.payload.length, this.endOffset);
  }

  /** Appends a record; answers its place once it is durable, and fails for good after the first disk error. */
  append(payload: Buffer): Promise<RecordPlace> {
    return new Promise((done, failed) => {
      this.waiting.push({ payload, done, failed });
      this.pumping ??= this.pump();
    });
  }

  async read(place: RecordPlace): Promise<Buffer> {
    const payload = Buffer.alloc(place.length);
    const { bytesRead } = await this.handle.read(payload, 0, place.length, place.offset);
    if (bytesRead !== place.length) throw new Error(`record at ${place.offset} of ${this.path} is short`);
    return payload;
  }

  /** Waits for what is on its way, then closes. */
  async close(): Promise<void> {
    while (this.pumping !== null) await this.pumping;
    await this.handle.close();
  }

  private async pump(): Promise<void> {
    // One turn of the loop lets every append of the same instant share the first write and its fdatasync.
    await Promise.resolve();
    while (this.waiting.length > 0) {
      const group = this.waiting;
      this.waiting = [];
      try {
        if (this.failure !== null) throw this.failure;
        await this.writeGroup(group);
      } catch (error) {
        this.failure ??= error;
        for (const append of group) append.failed(error);
      }
    }
    this.pumping = null;
  }

  private async writeGroup(group: readonly WaitingAppend[]): Promise<void> {
    const start = this.endOffset;
    const bytes = Buffer.concat(group.map((append) => encodeRecord(append.payload)));
    this.endOffset = start + bytes.length;
    for (let at = 0; at < bytes.length;) {
      const { bytesWritten } = await this.handle.write(bytes, at, bytes.length - at, start + at);
      at += bytesWritten;
    }
    await this.handle.datasync();
    let offset = start;
    for (const append of group) {
      append.done({ offset: offset + HEAD_BYTES, length: append.payload.length });
      offset += HEAD_BYTES + append.payload.length;
    }
  }
}
