/** Whole-file writes that survive a crash: a reader sees the old content or the new one, never a mixture. */
import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** Makes names created, renamed or removed in a folder durable. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Writes beside the target, fsyncs, renames over it and fsyncs the folder. */
export function writeFileAtomic(path: string, content: string | Buffer, mode = 0o600): void {
  const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content;
  const beside = `${path}.new`;
  const file = openSync(beside, 'w', mode);
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at, bytes.length - at, at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(beside, path);
  syncFolder(dirname(path));
}
