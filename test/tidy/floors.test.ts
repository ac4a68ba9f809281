import { createRequire } from 'node:module';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { root } from '../../scripts/checkout.mjs';
import { plantTree, runForJson } from './planted-tree.js';

type Table = Record<string, string[]>;
interface Floors {
  violations: string[];
  rules: string[];
  modules: number;
  files: number;
}

const require = createRequire(import.meta.url);
const configuration = require('../../.dependency-cruiser.cjs') as {
  forbidden: { name: string }[];
  tables: Record<'hypervisor' | 'accounting' | 'api', Table> & { sources: Record<string, string> };
};
const { tables } = configuration;
const tableNames = ['hypervisor', 'accounting', 'api'] as const;

/** A file that imports what its floor may not, for every floor that may not import something. */
function floorPlants(): Record<string, string> {
  const plants: Record<string, string> = {};
  for (const name of tableNames) {
    const source = tables.sources[name];
    for (const [floor, below] of Object.entries(tables[name])) {
      const target = Object.keys(tables[name]).find((other) => other !== floor && !below.includes(other));
      plants[`${source}/${floor}/target.ts`] ??= 'export const target = 1;\n';
      if (target) plants[`${source}/${floor}/planted.ts`] = `export * from '../${target}/target.js';\n`;
    }
    plants[`${source}/no-such-floor/planted.ts`] = "export * from './other.js';\n";
    plants[`${source}/no-such-floor/other.ts`] = 'export const other = 1;\n';
  }
  return plants;
}

/** What breaks the other rules: the rule, the file that breaks it, its text. */
const otherPlants: [rule: string, file: string, text: string][] = [
  ['package-hypervisor', 'packages/hypervisor/src/base/money.ts', "import '@xenorack/accounting';\n"],
  ['package-accounting', 'packages/accounting/src/base/host.ts', "import '@xenorack/hypervisor';\n"],
  ['package-paravirt', 'packages/paravirt/src/gate.ts', "import '@xenorack/xenoserver';\n"],
  ['package-guests', 'packages/guests/src/sdk.ts', "import '@xenorack/hypervisor';\n"],
  ['package-xenoserver', 'packages/xenoserver/src/host.ts', "import '@xenorack/accounting';\n"],
  ['api-names-accounting', 'apps/api/src/hosts/price.ts', "import '@xenorack/accounting';\n"],
  ['api-names-hypervisor', 'apps/api/src/domains/run.ts', "import '@xenorack/hypervisor';\n"],
  [
    'api-names-hypervisor-types-only',
    'apps/api/src/metering/run.ts',
    "import { run } from '@xenorack/hypervisor';\nrun();\n",
  ],
  ['api-names-xenoserver', 'apps/api/src/billing/link.ts', "import '@xenorack/xenoserver';\n"],
  ['api-names-xenoserver-types-only', 'apps/api/src/domains/link.ts', "import '@xenorack/xenoserver';\n"],
  ['api-names-paravirt', 'apps/api/src/domains/gate.ts', "import '@xenorack/paravirt';\n"],
  ['pure-packages-are-strangers', 'packages/hypervisor/src/base/files.ts', "import 'node:fs';\n"],
  ['pure-packages-are-strangers', 'packages/accounting/src/base/library.ts', "import 'library';\n"],
  [
    'packages-by-the-front-door',
    'apps/api/src/hosts/deep.ts',
    "import '../../../../packages/xenoserver/src/host.js';\n",
  ],
  ['front-door-is-not-a-corridor', 'packages/hypervisor/src/base/corridor.ts', "import '../index.js';\n"],
  [
    'prisma-stays-in-stores',
    'apps/api/src/domains/create-domain.ts',
    "import '../platform/generated/client.js';\n",
  ],
  ['dashboard-knows-the-contract-only', 'apps/dashboard/src/api/rate.ts', "import '@xenorack/accounting';\n"],
  ['dashboard-floor-ui', 'apps/dashboard/src/ui/button.ts', "import '../features/bill/total.js';\n"],
  ['dashboard-floor-features', 'apps/dashboard/src/features/bill/route.ts', "import '../../app/page.js';\n"],
  [
    'dashboard-features-are-strangers',
    'apps/dashboard/src/features/domains/cost.ts',
    "import '../bill/total.js';\n",
  ],
  [
    'no-circle',
    'apps/api/src/tenants/one.ts',
    "import { two } from './two.js';\nexport const one = () => two;\n",
  ],
  ['no-unresolvable', 'apps/api/src/tenants/lost.ts', "import './nowhere.js';\n"],
  ['no-undeclared-library', 'apps/api/src/tenants/undeclared.ts', "import 'library';\n"],
];

const targets: Record<string, string> = {
  'package.json': '{ "name": "planted", "type": "module" }\n',
  'node_modules/library/package.json': '{ "name": "library", "version": "1.0.0", "main": "index.js" }\n',
  'node_modules/library/index.js': 'module.exports = {};\n',
  'packages/hypervisor/src/index.ts': 'export const door = 1;\n',
  'packages/xenoserver/src/index.ts': 'export const door = 1;\n',
  'apps/api/src/platform/generated/client.ts': 'export const client = 1;\n',
  'apps/api/src/tenants/two.ts': "import { one } from './one.js';\nexport const two = () => one;\n",
  'apps/dashboard/src/features/bill/total.ts': 'export const total = 1;\n',
  'apps/dashboard/src/app/page.ts': 'export const page = 1;\n',
};

describe('floors', () => {
  const planted = plantTree({
    ...floorPlants(),
    ...targets,
    ...Object.fromEntries(otherPlants.map(([, file, text]) => [file, text])),
  });
  afterAll(planted.remove);
  const found = runForJson<Floors>('scripts/floors.mjs', planted.folder);
  const breaks = (rule: string, file: string): boolean =>
    found.violations.some((line) => line.startsWith(`${rule}: ${file} ->`));

  test('every rule finds what was planted for it', () => {
    const unfound = otherPlants.filter(([rule, file]) => !breaks(rule, file));
    expect(unfound).toEqual([]);
    const withoutPlant = configuration.forbidden
      .map(({ name }) => name)
      .filter((name) => !found.rules.includes(name));
    expect(withoutPlant).toEqual([]);
  });

  test.each(tableNames)('every floor of %s that may not import something is held to it', (name) => {
    const source = tables.sources[name];
    const files = Object.keys(floorPlants()).filter(
      (file) => file.startsWith(`${source}/`) && file.endsWith('planted.ts'),
    );
    const unfound = files.filter((file) => {
      const floor = file.split('/').at(-2);
      return !breaks(
        floor === 'no-such-floor' ? `${name}-folder-without-floor` : `${name}-floor-${floor}`,
        file,
      );
    });
    expect(unfound).toEqual([]);
  });

  test('what the tables allow is not complained about', () => {
    const house = plantTree({
      'package.json': '{ "name": "house", "type": "module" }\n',
      'packages/hypervisor/src/index.ts': "export * from './host/run.js';\n",
      'packages/hypervisor/src/host/run.ts': "export * from '../sched/credit.js';\n",
      'packages/hypervisor/src/sched/credit.ts': "export * from '../limits.js';\n",
      'packages/hypervisor/src/limits.ts': 'export const limit = 1;\n',
      'apps/api/src/platform/clock.ts': 'export const clock = 1;\n',
      'apps/api/src/domains/create.ts': "export * from '../platform/clock.js';\n",
      'apps/dashboard/src/ui/button.ts': 'export const button = 1;\n',
      'apps/dashboard/src/features/bill/total.ts': "export * from '../../ui/button.js';\n",
    });
    const result = runForJson<Floors>('scripts/floors.mjs', house.folder);
    house.remove();
    expect(result.violations).toEqual([]);
    expect(result.modules).toBe(8);
  });

  test('the sources of this checkout keep to the floors, and all of them were looked at', () => {
    const result = runForJson<Floors>('scripts/floors.mjs');
    expect(result.violations).toEqual([]);
    expect(result.files).toBeGreaterThan(100);
    expect(result.modules).toBeGreaterThanOrEqual(result.files);
  });

  test.each(tableNames)('every folder of %s has its line in the table', (name) => {
    const source = path.join(root, tables.sources[name] ?? '');
    const folders = fs.readdirSync(source, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map((entry) => entry.name).filter((folder) => !(folder in tables[name]))).toEqual([]);
  });
});
