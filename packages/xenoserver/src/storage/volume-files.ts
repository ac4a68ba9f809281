/**
 * Volumes as sparse files of one folder, behind the hypervisor's disk port.
 *
 * Design. A submission starts an asynchronous read or write; its completion is handed over between two steps of the host.
 * The number in flight is bounded by the guests' block rings. A flush answers after fdatasync of what was written
 * before it was submitted (a guest that wants order waits for its writes, as on any disk).
 *
 * Errors. Whatever the file system answers (ENOSPC, EIO, ...) reaches the guest as a failed request.
 */
import { readdirSync, rmSync } from 'node:fs';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { DiskPort, DiskSubmission } from '@xenorack/hypervisor';
import type { VolumeConfig } from '../control.js';
import { syncFolder } from './atomic-file.js';

/** Outcome of a submission: the data of a read, or what went wrong. */
export type DiskOutcome = { ok: true; data?: Uint8Array } | { ok: false; code: string };

export class VolumeFiles implements DiskPort {
  private readonly handles = new Map<string, FileHandle>();
  private readonly busy = new Map<string, Set<Promise<void>>>();

  constructor(
    private readonly folder: string,
    private readonly complete: (requestId: number, outcome: DiskOutcome) => void,
  ) {}

  /** Opens the files of known volumes and removes those of half-made or half-deleted ones. */
  async openAll(volumes: Iterable<VolumeConfig>): Promise<void> {
    const known = new Map([...volumes].map((volume) => [fileName(volume.volumeId), volume]));
    for (const name of readdirSync(this.folder)) if (!known.has(name)) rmSync(join(this.folder, name));
    for (const [name, volume] of known) {
      // A volume whose file is missing is an error of the operator; an empty one in its place would lose data silently.
      const handle = await open(join(this.folder, name), 'r+');
      await handle.truncate(volume.bytes);
      this.handles.set(volume.volumeId, handle);
    }
  }

  /** Makes the file, durable in name and size. Throws the file system's error, with nothing left behind. */
  async create(volume: VolumeConfig): Promise<void> {
    const path = join(this.folder, fileName(volume.volumeId));
    const handle = await open(path, 'wx+', 0o600);
    try {
      await handle.truncate(volume.bytes);
      await handle.sync();
      syncFolder(this.folder);
    } catch (error) {
      await handle.close();
      await rm(path, { force: true });
      throw error;
    }
    this.handles.set(volume.volumeId, handle);
  }

  /** Waits for what is in flight, then removes the file. */
  async delete(volumeId: string): Promise<void> {
    await this.release(volumeId);
    await rm(join(this.folder, fileName(volumeId)), { force: true });
    syncFolder(this.folder);
  }

  async closeAll(): Promise<void> {
    for (const volumeId of [...this.handles.keys()]) await this.release(volumeId);
  }

  submit(submission: DiskSubmission): void {
    const { requestId, volumeId } = submission;
    const transfer = this.transfer(submission).then(
      (data) => this.complete(requestId, { ok: true, data }),
      (error: NodeJS.ErrnoException) => this.complete(requestId, { ok: false, code: error.code ?? 'EIO' }),
    );
    const inFlight = this.busy.get(volumeId) ?? new Set();
    this.busy.set(volumeId, inFlight.add(transfer));
    void transfer.finally(() => inFlight.delete(transfer));
  }

  private async release(volumeId: string): Promise<void> {
    const handle = this.handles.get(volumeId);
    this.handles.delete(volumeId);
    await Promise.all([...(this.busy.get(volumeId) ?? [])]);
    this.busy.delete(volumeId);
    if (handle === undefined) return;
    await handle.datasync();
    await handle.close();
  }

  private async transfer(submission: DiskSubmission): Promise<Uint8Array | undefined> {
    const handle = this.handles.get(submission.volumeId);
    if (handle === undefined) throw Object.assign(new Error('volume is not here'), { code: 'ENOENT' });
    const offset = Number(submission.offsetBytes);
    switch (submission.op) {
      case 'flush':
        await handle.datasync();
        return undefined;
      case 'read': {
        const bytes = new Uint8Array(submission.lengthBytes);
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, offset);
        if (bytesRead < bytes.length) throw Object.assign(new Error('short read'), { code: 'EIO' });
        return bytes;
      }
      case 'write': {
        const bytes = submission.data ?? new Uint8Array(0);
        for (let at = 0; at < bytes.length;) {
          at += (await handle.write(bytes, at, bytes.length - at, offset + at)).bytesWritten;
        }
        return undefined;
      }
    }
  }
}

function fileName(volumeId: string): string {
  return `${volumeId}.img`;
}
