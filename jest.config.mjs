// One configuration for every workspace. Relative imports end in .js, as ESM asks; Jest finds the .ts beside it.
// Packages are entered through their built front doors, so the build comes first (scripts/test.mjs does that).
const base = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts', '.tsx'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.tsx?$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', tsx: false, decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
        module: { type: 'es6' },
      },
    ],
  },
  modulePathIgnorePatterns: ['<rootDir>/.*/dist/', '<rootDir>/.*/\\.next/', '<rootDir>/.xenorack/'],
};

/** Tests beside the code that need no server. */
const unit = {
  ...base,
  displayName: 'unit',
  testMatch: ['<rootDir>/packages/*/src/**/*.test.ts', '<rootDir>/apps/dashboard/src/**/*.test.ts'],
};

/** Tests that run against real PostgreSQL and Redis, started once by the global set-up. */
const servers = {
  ...base,
  displayName: 'servers',
  testMatch: ['<rootDir>/apps/api/src/**/*.test.ts', '<rootDir>/test/**/*.test.ts'],
  testPathIgnorePatterns: ['<rootDir>/test/browser/'],
  globalSetup: '<rootDir>/test/support/global-setup.mjs',
  globalTeardown: '<rootDir>/test/support/global-teardown.mjs',
};

/** Tests that drive the dashboard in Chromium. */
const browser = {
  ...base,
  displayName: 'browser',
  testMatch: ['<rootDir>/test/browser/**/*.test.ts'],
  globalSetup: '<rootDir>/test/support/global-setup.mjs',
  globalTeardown: '<rootDir>/test/support/global-teardown.mjs',
};

export default { projects: [unit, servers, browser], testTimeout: 120_000 };
