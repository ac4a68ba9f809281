import { describe, expect, test } from '@jest/globals';
import { LIMITS } from '../limits.js';
import { ConsoleLog } from './console-log.js';

const bytes = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));

describe('the console of a domain', () => {
  test('keeps the last bytes in order and counts all of them', () => {
    const log = new ConsoleLog();
    for (let i = 0; i < 3_000; i += 1) log.write(bytes(`${i}\n`));
    const all = Array.from({ length: 3_000 }, (_, i) => `${i}\n`).join('');
    expect(log.text).toBe(all.slice(-LIMITS.consoleBytesMax));
    expect(log.written).toBe(BigInt(all.length));
  });

  test('shows what cannot be printed as dots', () => {
    const log = new ConsoleLog();
    log.write(Uint8Array.of(0x1b, 0x5b, 10, 200, 65));
    expect(log.text).toBe('.[\n.A');
  });
});
