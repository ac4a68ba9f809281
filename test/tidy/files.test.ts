import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { root } from '../../scripts/checkout.mjs';
import { sourceFiles, textOf, trackedFiles } from './tracked-files.js';

const linesMax = 400;
const emptyNames = [
  'utils',
  'util',
  'helpers',
  'helper',
  'common',
  'shared',
  'misc',
  'manager',
  'types',
  'constants',
];

/** Next names some files and folders for us: [id], (group), @slot. */
function isKebabCase(part: string): boolean {
  return /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/.test(
    part.replace(/^\.|^_|[()[\]@]|\.\.\./g, ''),
  );
}

describe('files', () => {
  test('are found at all', () => {
    expect(sourceFiles().length).toBeGreaterThan(100);
  });

  test('have kebab-case names', () => {
    const code = sourceFiles().filter((file) => !file.startsWith('prisma/migrations/'));
    expect(code.filter((file) => !file.split('/').every(isKebabCase))).toEqual([]);
  });

  test('have names that say what is in them', () => {
    const isEmpty = (part: string): boolean => emptyNames.includes(part.split('.')[0] ?? '');
    expect(sourceFiles().filter((file) => file.split('/').some(isEmpty))).toEqual([]);
  });

  test(`have at most ${linesMax} lines`, () => {
    const code = sourceFiles().filter((file) => /\.(ts|tsx|mjs|cjs)$/.test(file));
    const long = code
      .map((file) => [file, textOf(file).split('\n').length - 1] as const)
      .filter(([, lines]) => lines > linesMax);
    expect(long).toEqual([]);
  });

  test('leave no test out and nothing for later', () => {
    // Put together here, so that this file does not find itself.
    const leftOut = new RegExp(
      `\\b(it|test|describe)\\.(${['skip', 'only', 'todo'].join('|')})\\b|\\bx(it|describe)\\(`,
    );
    const later = new RegExp(`\\b(${['TO', 'DO'].join('')}|${['FIX', 'ME'].join('')})\\b`);
    const own = 'test/tidy/files.test.ts';
    const found = sourceFiles().filter(
      (file) => file !== own && (leftOut.test(textOf(file)) || later.test(textOf(file))),
    );
    expect(found).toEqual([]);
  });

  test('speak of the project and not of the machine it was written on', () => {
    const machine = [
      /\/(work|home|Users|root)\/[a-z]/,
      /"resolved":\s*"https?:/,
      /\b(registry|deb|mirror)\.[a-z]+\.(org|com)\b/,
    ];
    const own = ['test/tidy/files.test.ts'];
    const isText = (file: string): boolean =>
      !/\.(png|jpg|ico|woff2|wasm|pdf)$/.test(file) && !own.includes(file);
    const found = trackedFiles()
      .filter(isText)
      .filter((file) => machine.some((pattern) => pattern.test(textOf(file))));
    expect(found).toEqual([]);
  });
});

/** Words in backticks that look like paths of this checkout. */
function pathsNamedIn(document: string): string[] {
  const tops = fs.readdirSync(root).filter((name) => !['node_modules', '.xenorack', '.git'].includes(name));
  const words = [...textOf(document).matchAll(/`([^`\s]+)`|\]\(([^)#\s]+)/g)].map(
    (match) => match[1] ?? match[2] ?? '',
  );
  const isPath = (word: string): boolean =>
    word.includes('/') && tops.includes(word.replace(/^\.\//, '').split('/')[0] ?? '');
  return words.filter((word) => isPath(word) && !/[*<>{}]|\/(dist|generated)(\/|$)|[.]gen[.]/.test(word));
}

describe('documents', () => {
  test.each(['README.md', 'ARCHITECTURE.md'])('%s names only paths that exist', (document) => {
    const named = pathsNamedIn(document);
    expect(named.length).toBeGreaterThan(3);
    const missing = named.filter((name) => !fs.existsSync(path.join(root, name.replace(/:\d+$/, ''))));
    expect(missing).toEqual([]);
  });
});
