import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { root } from '../../scripts/checkout.mjs';

/** Writes files below a new folder and gives its path; `remove` takes it away. */
export function plantTree(files: Readonly<Record<string, string>>): { folder: string; remove: () => void } {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'xenorack-planted-')));
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(folder, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
  }
  return { folder, remove: () => fs.rmSync(folder, { recursive: true, force: true }) };
}

/** Runs a script of this checkout in a process of its own, without the flags of Jest, and reads the JSON it prints. */
export function runForJson<T>(script: string, ...args: string[]): T {
  const output = execFileSync(process.execPath, [path.join(root, script), ...args], {
    env: { ...process.env, NODE_OPTIONS: '' },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return JSON.parse(output) as T;
}
