import { afterAll, describe, expect, test } from '@jest/globals';
import { plantTree, runForJson } from './planted-tree.js';

interface Finding {
  file: string;
  ruleId: string;
  message: string;
}

/** What is banned in the pure packages: the name of the file that holds it, its text, the rule that finds it. */
const pure: [name: string, text: string, rule: string][] = [
  ['async-function', 'export async function go(): Promise<void> {}\n', 'no-restricted-syntax'],
  ['promise-type', 'export type Later = Promise<number>;\n', 'no-restricted-syntax'],
  ['promise-value', 'export const later = Promise.resolve(1);\n', 'no-restricted-globals'],
  ['date', 'export const now = () => Date.now();\n', 'no-restricted-globals'],
  ['random', 'export const dice = () => Math.random();\n', 'no-restricted-syntax'],
  ['timer', 'export const later = () => setTimeout(() => {}, 1);\n', 'no-restricted-globals'],
  ['microtask', 'export const later = () => queueMicrotask(() => {});\n', 'no-restricted-globals'],
  ['fraction', 'export const rate = 0.5;\n', 'no-restricted-syntax'],
  ['small-exponent', 'export const rate = 1e-9;\n', 'no-restricted-syntax'],
  ['enum', 'export enum State { On, Off }\n', 'no-restricted-syntax'],
  ['default-export', 'export default 1;\n', 'no-restricted-syntax'],
  ['dynamic-import', "export const load = () => import('./date.js');\n", 'no-restricted-syntax'],
  [
    'node-import',
    "import fs from 'node:fs';\nexport const read = fs.readFileSync;\n",
    'no-restricted-imports',
  ],
  ['library', "import { z } from 'zod';\nexport const schema = z;\n", 'no-restricted-imports'],
  ['process', 'export const home = () => process.env;\n', 'no-restricted-globals'],
  [
    'forgotten-case',
    "export function name(of: 'a' | 'b'): number {\n  switch (of) {\n    case 'a':\n      return 1;\n  }\n  return 2;\n}\n",
    '@typescript-eslint/switch-exhaustiveness-check',
  ],
];

const elsewhere: [file: string, text: string, rule: string][] = [
  [
    'apps/api/src/hosts/floating.ts',
    'async function go() {}\nexport function start() {\n  go();\n}\n',
    '@typescript-eslint/no-floating-promises',
  ],
  ['apps/api/src/hosts/default.ts', 'export default class Host {}\n', 'no-restricted-syntax'],
  [
    'apps/dashboard/src/ui/button.tsx',
    'export default function Button() {\n  return null;\n}\n',
    'no-restricted-syntax',
  ],
  ['apps/api/src/hosts/long.ts', 'export {};\n'.repeat(401), 'max-lines'],
  [
    'packages/hypervisor/src/base/a.test.ts',
    `import { test } from '@jest/globals';\ntest.${'skip'}('x', () => {});\n`,
    'no-restricted-properties',
  ],
];

const allowed: Record<string, string> = {
  'packages/accounting/src/base/money.ts':
    "export const scale = 10n ** 12n;\nexport function sign(of: 'a' | 'b'): number {\n  switch (of) {\n    case 'a':\n      return 1;\n    case 'b':\n      return 2;\n  }\n}\n",
  'packages/accounting/src/base/money.test.ts':
    "import fs from 'node:fs';\nexport const now = Date.now() + 0.5 + Number(fs.constants.R_OK);\n",
  'apps/dashboard/src/app/bill/page.tsx': 'export default function BillPage() {\n  return null;\n}\n',
};

const projectFile = JSON.stringify({
  compilerOptions: {
    target: 'ES2023',
    module: 'NodeNext',
    strict: true,
    types: [],
    noEmit: true,
    jsx: 'react-jsx',
  },
  include: ['src'],
});

describe('lint', () => {
  const purePlants = ['hypervisor', 'accounting'].flatMap((name) =>
    pure.map(([plant, text, rule]) => [`packages/${name}/src/base/${plant}.ts`, text, rule] as const),
  );
  const plants = [...purePlants, ...elsewhere];
  const projects = ['packages/hypervisor', 'packages/accounting', 'apps/api', 'apps/dashboard'];
  const tree = plantTree({
    ...Object.fromEntries(projects.map((project) => [`${project}/tsconfig.json`, projectFile])),
    ...Object.fromEntries(plants.map(([file, text]) => [file, text])),
    ...allowed,
  });
  afterAll(tree.remove);
  const found = runForJson<Finding[]>('test/tidy/lint-tree.mjs', tree.folder);

  test('finds every ban that was planted, by its own rule', () => {
    const unfound = plants.filter(
      ([file, , rule]) => !found.some((one) => one.file === file && one.ruleId === rule),
    );
    expect(unfound).toEqual([]);
  });

  test('says nothing about what is allowed', () => {
    expect(found.filter(({ file }) => file in allowed)).toEqual([]);
  });
});
