import { createHash, generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import type { ReadingBatch } from '../control.js';
import { hashReading, ZERO_HASH, type WireReading } from '../reading.js';
import { merkleRoot, sealBatch, verifyBatch } from './batch.js';
import { exportPublicKey } from './lease-signature.js';

const { privateKey } = generateKeyPairSync('ed25519');
const publicKey = exportPublicKey(privateKey);

function chain(count: number): WireReading[] {
  const readings: WireReading[] = [];
  for (let seq = 0; seq < count; seq++) {
    const unhashed: Omit<WireReading, 'hash'> = {
      incarnation: 'h/1/1',
      resourceKind: 'domain',
      resourceId: 'dom',
      tenantId: 'ten',
      seq,
      hostNs: String(seq),
      utcNs: String(1000 + seq),
      kind: seq === 0 ? 'open' : 'inner',
      state: 'running',
      reason: 'tick',
      vector: 1,
      values: [String(seq)],
      prev: readings.at(-1)?.hash ?? ZERO_HASH,
    };
    readings.push({ ...unhashed, hash: hashReading(unhashed) });
  }
  return readings;
}

const sealed = (count: number): ReadingBatch =>
  sealBatch({ hostId: 'h', epoch: 1, batch: 0 }, chain(count), privateKey);

/** A JSON copy with one change. */
function tamper(change: (batch: ReadingBatch) => void): ReadingBatch {
  const batch = JSON.parse(JSON.stringify(sealed(5))) as ReadingBatch;
  change(batch);
  return batch;
}

describe('a sealed batch', () => {
  test('passes whole, also after a trip through JSON', () => {
    for (const count of [1, 2, 3, 5, 8]) {
      expect(verifyBatch(JSON.parse(JSON.stringify(sealed(count))) as ReadingBatch, publicKey)).toBeNull();
    }
  });

  test('three leaves give the root of RFC 6962', () => {
    const sha = (hex: string): string => createHash('sha256').update(Buffer.from(hex, 'hex')).digest('hex');
    const [a, b, c] = chain(3).map((reading) => reading.hash) as [string, string, string];
    const left = sha(`01${sha(`00${a}`)}${sha(`00${b}`)}`);
    expect(merkleRoot([a, b, c])).toBe(sha(`01${left}${sha(`00${c}`)}`));
  });

  test.each<[string, (batch: ReadingBatch) => void]>([
    ['readings[2].hash', (batch) => (batch.readings[2]!.values[0] = '9')],
    ['readings[1].hash', (batch) => (batch.readings[1]!.hash = ZERO_HASH)],
    ['readings[2].seq', (batch) => batch.readings.splice(2, 1)],
    ['readings[0]', (batch) => (batch.readings[0] = null as never)],
    ['readings[3]', (batch) => (batch.readings[3]!.values = 'x' as never)],
    ['root', (batch) => batch.readings.pop()],
    ['root', (batch) => (batch.root = ZERO_HASH)],
    ['signature', (batch) => (batch.epoch = 2)],
    ['signature', (batch) => (batch.hostId = 'g')],
    ['signature', (batch) => (batch.signature = Buffer.alloc(64).toString('base64'))],
    ['readings', (batch) => (batch.readings = [])],
  ])('a change is refused naming %s', (field, change) => {
    expect(verifyBatch(tamper(change), publicKey)?.field).toBe(field);
  });

  test('the key of another host is refused, and so is a key that is none', () => {
    const other = exportPublicKey(generateKeyPairSync('ed25519').privateKey);
    expect(verifyBatch(sealed(2), other)?.field).toBe('signature');
    expect(verifyBatch(sealed(2), 'AAAA')?.field).toBe('signature');
  });
});
