import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { root } from '../../scripts/checkout.mjs';

interface Figure {
  name: string;
  value: number;
  unit: string;
}

const page = fs.readFileSync(path.join(root, 'docs', 'figures.md'), 'utf8');
/** Names in the first column of the page's tables. */
const promised = [...page.matchAll(/^\| `([a-z]+\.[a-z0-9_]+)`/gm)].map((match) => match[1] as string);
/** Measured only in the full run: it installs and builds a clone. */
const fullOnly = ['start.cold_s'];
// The dashboard's bench reads the built dashboard, which `npm test` builds where the browser tests run.
const areas = [
  'hypervisor',
  'accounting',
  'api',
  'start',
  ...(process.env.CHROMIUM_PATH ? ['dashboard'] : []),
];

function bench(area: string): Promise<{ code: number | null; output: string; errors: string }> {
  const args = ['scripts/bench.mjs', area, '--small', '--json'];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, env: { ...process.env, NODE_OPTIONS: '' } });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (errors += chunk));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output, errors }));
  });
}

describe('benches', () => {
  test.each(areas)(
    '%s: every figure of docs/figures.md is measured, and none that it does not explain',
    async (area) => {
      const { code, output, errors } = await bench(area);
      if (code !== 0) throw new Error(`bench ${area} left with ${code}:\n${output}\n${errors}`);
      const figures = output
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Figure);
      const expected = promised.filter((name) => name.startsWith(`${area}.`) && !fullOnly.includes(name));
      expect(figures.map(({ name }) => name).sort()).toEqual(expected.sort());
      for (const { value } of figures) expect(value).toBeGreaterThanOrEqual(0);
    },
    300_000,
  );
});
