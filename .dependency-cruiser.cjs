// The floors of the house, written as tables: a folder may import itself and what its line names. The rules that
// dependency-cruiser checks are made from the tables; test/tidy plants a violation of each and expects it to be found.

/** Every floor of the hypervisor may use these three; a line names what comes on top. */
const hypervisorGround = ['base', 'limits', 'abi'];
const hypervisorMechanisms = ['time', 'memory', 'event', 'xenstore', 'meter', 'grant'];
const hypervisorPrivileged = [...hypervisorMechanisms, 'domain', 'sched', 'allowance'];
const hypervisor = {
  base: [],
  limits: ['base'],
  abi: ['base', 'limits'],
  time: hypervisorGround,
  memory: hypervisorGround,
  event: hypervisorGround,
  xenstore: hypervisorGround,
  meter: hypervisorGround,
  grant: [...hypervisorGround, 'memory'],
  domain: [...hypervisorGround, ...hypervisorMechanisms],
  sched: [...hypervisorGround, 'time', 'meter', 'domain'],
  allowance: [...hypervisorGround, 'time', 'meter', 'domain'],
  hypercall: [...hypervisorGround, ...hypervisorPrivileged],
  ring: ['base', 'limits', 'abi'],
  guest: ['base', 'limits', 'abi', 'ring'],
  backend: ['base', 'limits', 'abi', 'ring', 'guest'],
  host: [...hypervisorGround, ...hypervisorPrivileged, 'hypercall', 'ring', 'guest', 'backend'],
  // Test code only.
  fuzz: [...hypervisorGround, ...hypervisorPrivileged, 'hypercall', 'ring', 'guest', 'backend', 'host'],
  migrate: [...hypervisorGround, 'time', 'memory', 'meter', 'domain', 'host'],
};

const accounting = {
  base: [],
  catalog: ['base'],
  usage: ['base'],
  ledger: ['base'],
  quota: ['base'],
  budget: ['base'],
  rating: ['base', 'catalog', 'usage'],
  bill: ['base', 'catalog', 'rating'],
  lease: ['base', 'catalog', 'rating'],
  invoice: ['base', 'usage', 'rating'],
  proof: ['base', 'usage', 'rating', 'invoice'],
  focus: ['base', 'usage', 'rating', 'invoice'],
};

/** What lies under a floor of the API lies under those above it too, so only the direct ones are named. */
const api = closed({
  platform: [],
  auth: ['platform'],
  audit: ['platform'],
  operations: ['platform'],
  events: ['platform'],
  health: ['platform'],
  tenants: ['auth', 'audit'],
  catalog: ['platform'],
  ledger: ['catalog'],
  hosts: ['platform'],
  images: ['hosts'],
  metering: ['hosts', 'catalog', 'audit'],
  billing: ['catalog', 'metering'],
  limits: ['tenants', 'hosts', 'billing'],
  invoices: ['tenants', 'ledger', 'metering', 'billing'],
  domains: ['tenants', 'operations', 'hosts', 'images', 'catalog', 'billing', 'limits'],
  'live-migration': ['operations', 'hosts', 'metering', 'domains'],
  demo: ['domains', 'invoices'],
});

/** Which folders of the API may name a package; `types` may name its types only. */
const apiPackages = {
  accounting: {
    // Creating a domain prices it: the estimate and the landing reserve come from the rater.
    values: ['catalog', 'ledger', 'metering', 'billing', 'limits', 'invoices', 'domains', 'demo'],
    types: [],
  },
  hypervisor: { values: [], types: ['metering', 'live-migration'] },
  // Commands and events are data that pass through hosts/; only hosts/ runs a XenoServer or checks its signature.
  xenoserver: { values: ['hosts'], types: ['metering', 'limits', 'domains'] },
  paravirt: { values: ['images'], types: [] },
};

/** Which packages a package may name. */
const packages = {
  hypervisor: [],
  accounting: [],
  paravirt: ['hypervisor'],
  guests: [],
  xenoserver: ['hypervisor'],
};

const sources = {
  hypervisor: 'packages/hypervisor/src',
  accounting: 'packages/accounting/src',
  api: 'apps/api/src',
};
const tests = '[.](test|bench|sim|fixture)[.]ts$';

function closed(table) {
  const reach = (name, seen = new Set()) => {
    for (const below of table[name]) if (!seen.has(below)) reach(below, seen.add(below));
    return seen;
  };
  return Object.fromEntries(Object.keys(table).map((name) => [name, [...reach(name)]]));
}

const anyOf = (names) => `(?:${names.join('|')})`;

/** One rule for each floor, one for a folder without a floor, one against entering from the front door. */
function floorRules(name, table) {
  const source = sources[name];
  const rules = Object.entries(table).map(([floor, below]) => ({
    name: `${name}-floor-${floor}`,
    comment: `${source}/${floor} may import ${below.join(', ') || 'nothing'}.`,
    severity: 'error',
    from: { path: `^${source}/${floor}(?:/|[.]ts$)`, pathNot: tests },
    to: { path: `^${source}/`, pathNot: `^${source}/${anyOf([floor, ...below])}(?:/|[.]ts$)` },
  }));
  const folderWithoutFloor = {
    name: `${name}-folder-without-floor`,
    comment: 'Every folder has a line in the tables of .dependency-cruiser.cjs.',
    severity: 'error',
    from: { path: `^${source}/[^/]+/`, pathNot: [`^${source}/${anyOf(Object.keys(table))}/`, tests] },
    to: {},
  };
  return [...rules, folderWithoutFloor];
}

const packagePath = (name) => `(?:^packages/${name}/|@xenorack/${name}(?:/|$))`;

function packageRules() {
  return Object.entries(packages).map(([name, allowed]) => {
    const others = [...Object.keys(packages).filter((other) => other !== name && !allowed.includes(other))];
    return {
      name: `package-${name}`,
      comment: `packages/${name} may name ${allowed.join(', ') || 'no other package'} and no application.`,
      severity: 'error',
      from: { path: `^packages/${name}/src/` },
      to: { path: [...others.map(packagePath), '^apps/', '@xenorack/(?:api|dashboard)'] },
    };
  });
}

function apiPackageRules() {
  return Object.entries(apiPackages).flatMap(([name, { values, types }]) => {
    const rule = (suffix, folders, to) => ({
      name: `api-names-${name}${suffix}`,
      comment: `In the API only ${anyOf(folders)} may name the package ${name}.`,
      severity: 'error',
      from: { path: `^${sources.api}/[^/]+/`, pathNot: [`^${sources.api}/${anyOf(folders)}/`, tests] },
      to: { path: packagePath(name), ...to },
    });
    const valueFolders = values.length > 0 ? values : ['-'];
    return [
      rule('', [...values, ...types], {}),
      ...(types.length > 0 ? [rule('-types-only', valueFolders, { dependencyTypesNot: ['type-only'] })] : []),
    ];
  });
}

const pure = `^packages/${anyOf(['hypervisor', 'accounting'])}/src/`;

module.exports = {
  forbidden: [
    ...floorRules('hypervisor', hypervisor),
    ...floorRules('accounting', accounting),
    ...floorRules('api', api),
    ...packageRules(),
    ...apiPackageRules(),
    {
      name: 'pure-packages-are-strangers',
      comment: 'hypervisor and accounting know no library and no Node module.',
      severity: 'error',
      from: { path: pure, pathNot: tests },
      to: {
        dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-peer', 'npm-optional', 'npm-no-pkg', 'npm-unknown'],
      },
    },
    {
      name: 'packages-by-the-front-door',
      comment: 'A package is entered by its src/index.ts (and what its package.json exports) only.',
      severity: 'error',
      from: { path: '^(?:packages/([^/]+)|apps/([^/]+)|test)/' },
      to: {
        path: '^packages/[^/]+/(?:src|dist)/',
        pathNot: [
          '^packages/$1/',
          '^packages/[^/]+/(?:src|dist)/index[.]',
          '^packages/xenoserver/dist/worker[.]',
        ],
      },
    },
    {
      name: 'front-door-is-not-a-corridor',
      comment: 'Inside a package modules import each other, never their own index.ts.',
      severity: 'error',
      from: { path: '^packages/([^/]+)/src/', pathNot: tests },
      to: { path: '^packages/$1/src/index[.]ts$' },
    },
    {
      name: 'prisma-stays-in-stores',
      comment: 'Prisma and its types stay in *.store.ts and in platform.',
      severity: 'error',
      from: { path: '^apps/', pathNot: ['[.]store[.]ts$', '^apps/api/src/platform/', tests] },
      to: { path: ['node_modules/(?:@prisma|prisma)/', '^@prisma/', '^apps/api/src/platform/generated/'] },
    },
    {
      name: 'dashboard-knows-the-contract-only',
      comment:
        'The dashboard imports no package and nothing of the API; its types are generated from openapi.json.',
      severity: 'error',
      from: { path: '^apps/(?:dashboard|cli)/' },
      to: { path: ['^packages/', '@xenorack/', '^apps/api/', '^prisma/'] },
    },
    {
      name: 'dashboard-floor-ui',
      comment: 'ui and api lie below the features, features below the routes.',
      severity: 'error',
      from: { path: '^apps/dashboard/src/(?:ui|api)/', pathNot: tests },
      to: { path: '^apps/dashboard/src/(?:features|app)/' },
    },
    {
      name: 'dashboard-floor-features',
      comment: 'A feature never imports a route.',
      severity: 'error',
      from: { path: '^apps/dashboard/src/features/' },
      to: { path: '^apps/dashboard/src/app/' },
    },
    {
      name: 'dashboard-features-are-strangers',
      comment: 'A feature never imports another feature.',
      severity: 'error',
      from: { path: '^apps/dashboard/src/features/([^/]+)/' },
      to: { path: '^apps/dashboard/src/features/', pathNot: '^apps/dashboard/src/features/$1(?:/|[.]tsx?$)' },
    },
    {
      name: 'no-circle',
      comment:
        'What needs itself by a detour to be loaded cannot be understood alone; types that name each other may.',
      severity: 'error',
      from: { pathNot: '^apps/api/src/platform/generated/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-unresolvable',
      comment: 'An import that cannot be found hides from every other rule.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-undeclared-library',
      comment: 'A workspace names the libraries it uses in its package.json.',
      severity: 'error',
      from: { path: '^apps/[^/]+/src/|^packages/[^/]+/src/', pathNot: tests },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '/dist/', '[.]next'] },
    exclude: { path: ['[.]next/', '[.]css$', 'next-env[.]d[.]ts$'] },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
    },
    combinedDependencies: false,
  },
};

// The tables are read by the test that compares them with the folders that exist.
Object.defineProperty(module.exports, 'tables', {
  enumerable: false,
  value: { hypervisor, accounting, api, sources },
});
