/**
 * The folder of one host: its lock, its signing key, what it remembers and what it has metered.
 *
 * Errors. EBUSY when another process or thread has the folder; an Error that names the fault when it belongs to
 * another host or holds something else than a host.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openHostKey, type HostKey } from '../proof/host-key.js';
import { BatchJournal } from '../storage/batch-journal.js';
import { FolderLock } from '../storage/folder-lock.js';
import { HostState } from '../storage/host-state.js';

export class HostFolder {
  private constructor(
    readonly volumesFolder: string,
    readonly key: HostKey,
    readonly state: HostState,
    readonly journal: BatchJournal,
    private readonly lock: FolderLock,
  ) {}

  /** Opens the folder, made when missing, for this owner alone, and begins a boot epoch in it. */
  static async open(dataDir: string, hostId: string): Promise<HostFolder> {
    const [journalFolder, volumesFolder] = [join(dataDir, 'journal'), join(dataDir, 'volumes')];
    for (const path of [dataDir, journalFolder, volumesFolder])
      mkdirSync(path, { recursive: true, mode: 0o700 });
    const lock = await FolderLock.take(dataDir);
    try {
      const key = openHostKey(join(dataDir, 'host.key'));
      const state = await HostState.open(dataDir, hostId);
      const journal = await BatchJournal.open(journalFolder);
      return new HostFolder(volumesFolder, key, state, journal, lock);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Closes what is written to, then lets go of the folder. */
  async close(): Promise<void> {
    try {
      await this.journal.close();
      await this.state.close();
    } finally {
      await this.lock.release();
    }
  }
}
