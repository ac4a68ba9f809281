import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { root } from '../../scripts/checkout.mjs';

/** Every file of the project that git keeps or would keep, relative to the root. */
export function trackedFiles(): string[] {
  const output = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], {
    cwd: root,
    encoding: 'utf8',
  });
  return output.split('\0').filter((file) => file !== '' && fs.existsSync(path.join(root, file)));
}

/** The files that people write code in. */
export function sourceFiles(): string[] {
  return trackedFiles().filter((file) => /\.(ts|tsx|mjs|cjs|js|css|sql|prisma)$/.test(file));
}

export function textOf(file: string): string {
  return fs.readFileSync(path.join(root, file), 'utf8');
}
