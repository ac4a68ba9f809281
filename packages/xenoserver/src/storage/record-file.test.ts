import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 as zlibCrc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { crc32 } from './crc32.js';
import { findRecords, RecordFile } from './record-file.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'record-file-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function writeRecords(path: string, payloads: string[]): Promise<void> {
  const { file } = await RecordFile.open(path);
  await Promise.all(payloads.map((payload) => file.append(Buffer.from(payload))));
  await file.close();
}

const textsOf = (bytes: Buffer): string[] =>
  findRecords(bytes).records.map((record) => record.payload.toString());

describe('RecordFile', () => {
  test('CRC-32 has the check value of the standard and goes on over parts', () => {
    expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926);
    expect(crc32(Buffer.from('6789'), crc32(Buffer.from('12345')))).toBe(0xcbf43926);
    if (typeof zlibCrc32 === 'function')
      expect(crc32(Buffer.from('xenorack'))).toBe(zlibCrc32(Buffer.from('xenorack')));
  });

  test('records come back in order, and their places read back', async () => {
    const path = join(folder, 'a.xrj');
    const { file } = await RecordFile.open(path);
    const places = await Promise.all(['one', '', 'three'].map((text) => file.append(Buffer.from(text))));
    expect((await file.read(places[2]!)).toString()).toBe('three');
    await file.close();
    expect(textsOf(readFileSync(path))).toEqual(['one', '', 'three']);
  });

  test('a file cut at any byte keeps exactly the whole records before the cut', async () => {
    const path = join(folder, 'a.xrj');
    const payloads = fc.array(fc.string({ maxLength: 40 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(payloads, fc.nat(), async (texts, cut) => {
        rmSync(path, { force: true });
        await writeRecords(path, texts);
        const whole = readFileSync(path);
        const at = cut % (whole.length + 1);
        writeFileSync(path, whole.subarray(0, at));
        const expected = texts.slice(0, textsOf(whole.subarray(0, at)).length);
        let bytesBefore = 4;
        for (const text of expected) bytesBefore += 8 + Buffer.byteLength(text);
        const next = texts[expected.length];
        if (next !== undefined && at >= 4)
          expect(bytesBefore + 8 + Buffer.byteLength(next)).toBeGreaterThan(at);

        const { file, records, tornBytes } = await RecordFile.open(path);
        expect(records.map((record) => record.payload.toString())).toEqual(expected);
        expect(tornBytes).toBe(at - (at < 4 ? 0 : bytesBefore));
        await file.append(Buffer.from('after'));
        await file.close();
        expect(textsOf(readFileSync(path))).toEqual([...expected, 'after']);
      }),
      { numRuns: 60 },
    );
  });

  test('a flipped bit ends the file at the record before it', async () => {
    const path = join(folder, 'a.xrj');
    const texts = ['first', 'second', 'third'];
    await writeRecords(path, texts);
    const whole = readFileSync(path);
    fc.assert(
      fc.property(
        fc.integer({ min: 4, max: whole.length - 1 }),
        fc.integer({ min: 0, max: 7 }),
        (at, bit) => {
          const damaged = Buffer.from(whole);
          damaged[at] = damaged[at]! ^ (1 << bit);
          const found = textsOf(damaged);
          const starts = [4, 4 + 8 + 5, 4 + 8 + 5 + 8 + 6];
          expect(found).toEqual(texts.slice(0, starts.filter((start) => start <= at).length - 1));
        },
      ),
    );
  });

  test('zeros after the last record, as a crashed file system leaves them, are cut off', async () => {
    const path = join(folder, 'a.xrj');
    await writeRecords(path, ['kept']);
    appendFileSync(path, Buffer.alloc(100));
    const { file, records } = await RecordFile.open(path);
    await file.close();
    expect(records.map((record) => record.payload.toString())).toEqual(['kept']);
  });

  test('a file that is not ours is refused and left as it was', async () => {
    const path = join(folder, 'a.xrj');
    writeFileSync(path, 'something else');
    await expect(RecordFile.open(path)).rejects.toThrow(/magic/);
    expect(readFileSync(path, 'utf8')).toBe('something else');
  });
});
