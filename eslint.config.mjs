// What the compiler cannot say. Layout is Prettier's, folders are dependency-cruiser's.
import tseslint from 'typescript-eslint';

const floatTypes = [
  {
    selector: 'Literal[raw=/^[0-9_]*[.][0-9]|^[0-9_.]+e-/i]',
    message: 'No fractions here: count in whole units (bigint or integer) and name the unit.',
  },
];
const everywhere = [
  { selector: 'TSEnumDeclaration', message: 'A union of literals instead of an enum.' },
  {
    selector: 'SwitchCase[test=null] > :matches(BreakStatement, ReturnStatement[argument=null])',
    message: 'A default that does nothing hides a case that was forgotten.',
  },
];
const defaultExport = [
  { selector: 'ExportDefaultDeclaration', message: 'Export by name: a thing has one name.' },
  { selector: 'ExportSpecifier[exported.name="default"]', message: 'Export by name: a thing has one name.' },
];
const pureSyntax = [
  { selector: ':function[async=true]', message: 'Pure packages are synchronous.' },
  { selector: 'AwaitExpression', message: 'Pure packages are synchronous.' },
  { selector: 'ForOfStatement[await=true]', message: 'Pure packages are synchronous.' },
  {
    selector: 'TSTypeReference[typeName.name=/^Promise(Like)?$/]',
    message: 'Pure packages are synchronous.',
  },
  { selector: 'ImportExpression', message: 'Pure packages load nothing at run time.' },
  {
    selector: 'MemberExpression[object.name="Math"][property.name="random"]',
    message: 'Take the prng as an argument.',
  },
  { selector: 'MetaProperty[meta.name="import"]', message: 'Pure packages know no place.' },
  ...floatTypes,
];
const time = 'Time is passed in.';
const pureGlobals = [
  { name: 'Date', message: time },
  { name: 'performance', message: time },
  { name: 'setTimeout', message: time },
  { name: 'setInterval', message: time },
  { name: 'setImmediate', message: time },
  { name: 'queueMicrotask', message: time },
  { name: 'Promise', message: 'Pure packages are synchronous.' },
  { name: 'process', message: 'Pure packages know no process.' },
  { name: 'crypto', message: 'Take the prng as an argument.' },
  { name: 'fetch', message: 'Pure packages reach nothing.' },
  { name: 'console', message: 'Give back what there is to say.' },
  { name: 'Buffer', message: 'Use Uint8Array.' },
  { name: 'require', message: 'Pure packages load nothing at run time.' },
  { name: 'parseFloat', message: 'No fractions here.' },
];

const pureFiles = ['packages/hypervisor/src/**/*.ts', 'packages/accounting/src/**/*.ts'];
const testFiles = ['**/*.test.ts', '**/*.sim.ts', '**/*.fixture.ts', '**/*.test.tsx', 'test/**/*.ts'];
const nextFiles = [
  'apps/dashboard/src/app/**/{page,layout,loading,error,not-found,template,default,global-error}.tsx',
  'apps/dashboard/src/app/**/{icon,opengraph-image,manifest,robots,sitemap}.{ts,tsx}',
];

export default tseslint.config(
  {
    ignores: [
      '**/dist/',
      '**/.next/',
      '**/node_modules/',
      '**/.xenorack/',
      '**/generated/',
      '**/*.gen.ts',
      '**/*.d.ts',
      '.dependency-cruiser.cjs',
    ],
  },
  ...tseslint.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'off',
      'no-constant-condition': ['error', { checkLoops: false }],
      'max-lines': ['error', { max: 400 }],
      'no-restricted-syntax': ['error', ...everywhere, ...defaultExport],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none' },
      ],
      '@typescript-eslint/no-empty-object-type': ['error', { allowInterfaces: 'with-single-extends' }],
    },
  },
  {
    // The rules that need types, for the code where a forgotten promise or case costs most.
    files: ['apps/api/src/**/*.ts', 'packages/*/src/**/*.ts'],
    ignores: testFiles,
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: true }],
      '@typescript-eslint/no-misused-promises': [
        'error',
        { checksVoidReturn: { arguments: false, attributes: false } },
      ],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: false },
      ],
    },
  },
  {
    files: pureFiles,
    ignores: testFiles,
    rules: {
      'no-restricted-syntax': ['error', ...everywhere, ...defaultExport, ...pureSyntax],
      'no-restricted-globals': ['error', ...pureGlobals],
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^[^.]', message: 'Pure packages know no library and no Node module.' }] },
      ],
      '@typescript-eslint/no-explicit-any': 'error',
    },
  },
  {
    files: ['apps/api/src/**/*.ts', 'apps/dashboard/src/**/*.{ts,tsx}'],
    ignores: testFiles,
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
    },
  },
  {
    // Tests may say it shorter, and a skipped test is no test.
    files: testFiles,
    rules: {
      // An answer of the API is looked at field by field by the assertions themselves.
      '@typescript-eslint/no-explicit-any': 'off',
      'no-restricted-properties': [
        'error',
        ...['test', 'it', 'describe'].flatMap((object) =>
          ['only', 'skip', 'todo'].map((property) => ({ object, property, message: 'Every test runs.' })),
        ),
      ],
    },
  },
  {
    // Frameworks that ask for a default export, and the configuration files of tools.
    files: [...nextFiles, '*.config.{ts,mjs}', 'apps/*/*.config.{ts,mjs}', 'test/support/global-*.mjs'],
    rules: { 'no-restricted-syntax': ['error', ...everywhere] },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    rules: { '@typescript-eslint/no-require-imports': 'off', 'no-undef': 'off' },
  },
);
