import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { encodeReading, hashReading, ZERO_HASH, type WireReading } from './reading.js';

const GOLDEN: Omit<WireReading, 'hash'> = {
  incarnation: 'host-1/3/42',
  resourceKind: 'domain',
  resourceId: 'dom_1',
  tenantId: 'ten_é',
  seq: 7,
  hostNs: '1234567890123',
  utcNs: '1763800000000000000',
  kind: 'cut',
  state: 'paused',
  reason: 'pause:allowance',
  vector: 1,
  values: ['0', '340282366920938463463374607431768211455', '18446744073709551616'],
  prev: ZERO_HASH,
};

/** Written by hand from the SPEC, not by the encoder. */
const GOLDEN_BYTES = [
  '58525231', // XRR1
  '01', // vector version
  '000b', // 11 bytes follow
  Buffer.from('host-1/3/42').toString('hex'),
  '00', // domain
  '0005',
  Buffer.from('dom_1').toString('hex'),
  '0006',
  '74656e5fc3a9', // ten_é in UTF-8
  '0000000000000007', // seq
  '0000011f71fb04cb', // hostNs
  '187a46c146d58000', // utcNs
  '02', // cut
  '01', // paused
  '000f',
  Buffer.from('pause:allowance').toString('hex'),
  '0003',
  '0'.repeat(32),
  'f'.repeat(32),
  '00000000000000010000000000000000',
  '0'.repeat(64),
].join('');

describe('the canonical reading', () => {
  test('its bytes and its hash are the golden ones, so the format can not drift', () => {
    expect(encodeReading(GOLDEN).toString('hex')).toBe(GOLDEN_BYTES);
    expect(hashReading(GOLDEN)).toBe(
      createHash('sha256').update(Buffer.from(GOLDEN_BYTES, 'hex')).digest('hex'),
    );
    expect(hashReading(GOLDEN)).toBe('82ec51a0af46edcf303c9d7bbaf80bff950ff2ce716a3e5e2731742b7c324f3d');
  });

  test('every field is under the hash', () => {
    const changes: Partial<WireReading>[] = [
      { incarnation: 'host-1/3/43' },
      { resourceKind: 'volume' },
      { resourceId: 'dom_2' },
      { tenantId: 'ten_f' },
      { seq: 8 },
      { hostNs: '1234567890124' },
      { utcNs: '1763800000000000001' },
      { kind: 'inner' },
      { state: 'running' },
      { reason: 'pause:tenant' },
      { vector: 2 },
      { values: ['1', ...GOLDEN.values.slice(1)] },
      { values: [...GOLDEN.values, '0'] },
      { prev: 'a'.repeat(64) },
    ];
    const hashes = changes.map((change) => hashReading({ ...GOLDEN, ...change }));
    expect(new Set([...hashes, hashReading(GOLDEN)]).size).toBe(changes.length + 1);
  });

  test('what does not fit the form is refused by field', () => {
    expect(() => encodeReading({ ...GOLDEN, hostNs: '-1' })).toThrow(/hostNs/);
    expect(() => encodeReading({ ...GOLDEN, values: [(1n << 128n).toString()] })).toThrow(/values\[0\]/);
    expect(() => encodeReading({ ...GOLDEN, prev: '00' })).toThrow(/prev/);
    expect(() => encodeReading({ ...GOLDEN, state: 'asleep' as never })).toThrow(/state/);
  });
});
