import { describe, expect, test } from '@jest/globals';
import { rankCommands } from './command';

const commands = [
  { id: '1', title: 'Create a domain', kind: 'Action' },
  { id: '2', title: 'Bill', kind: 'Page' },
  { id: '3', title: 'web-1', kind: 'Domain' },
  { id: '4', title: 'a-web', kind: 'Domain' },
];

describe('palette', () => {
  test('every typed word must be found, a title that starts with it comes first', () => {
    expect(rankCommands(commands, 'web').map((one) => one.id)).toEqual(['3', '4']);
    expect(rankCommands(commands, 'create dom').map((one) => one.id)).toEqual(['1']);
    expect(rankCommands(commands, 'zzz')).toEqual([]);
  });

  test('without text the commands stand in their own order', () => {
    expect(rankCommands(commands, '  ').map((one) => one.id)).toEqual(['1', '2', '3', '4']);
  });
});
