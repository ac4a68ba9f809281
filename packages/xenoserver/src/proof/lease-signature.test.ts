import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import type { Lease } from '../control.js';
import { readSignedLease, signLease } from './lease-signature.js';

const { privateKey } = generateKeyPairSync('ed25519');
const publicKey = createPublicKey(privateKey);

const LEASE: Lease = {
  leaseId: 'lse_1',
  tenantId: 'ten_1',
  hostId: 'h',
  epoch: 1,
  generation: 1,
  sinceUtcNs: '0',
  items: [
    {
      resourceId: 'dom',
      meter: 'cpu.ns',
      state: 'running',
      freeQuantity: '0',
      picoNumerator: '3',
      picoDenominator: '2',
    },
  ],
  authorisedPico: '1000',
  policy: 'pause',
  expiresUtcNs: '1763800000000000000',
};

describe('a signed lease', () => {
  test('comes back as it was signed', () => {
    expect(readSignedLease(publicKey, signLease(privateKey, LEASE))).toEqual({ lease: LEASE, error: null });
  });

  test('one changed byte of the body, or another key, is EKEYREJECTED', () => {
    const signed = signLease(privateKey, LEASE);
    const more = { ...signed, body: signed.body.replace('"1000"', '"9000"') };
    expect(readSignedLease(publicKey, more).error?.code).toBe('EKEYREJECTED');
    const stranger = signLease(generateKeyPairSync('ed25519').privateKey, LEASE);
    expect(readSignedLease(publicKey, stranger).error?.code).toBe('EKEYREJECTED');
    expect(readSignedLease(publicKey, { ...signed, signature: 'no' }).error?.code).toBe('EKEYREJECTED');
  });

  test.each<[string, unknown]>([
    ['authorisedPico', { ...LEASE, authorisedPico: '-1' }],
    ['authorisedPico', { ...LEASE, authorisedPico: 1000 }],
    ['generation', { ...LEASE, generation: 0 }],
    ['epoch', { ...LEASE, epoch: 1.5 }],
    ['policy', { ...LEASE, policy: 'shout' }],
    ['items', { ...LEASE, items: {} }],
    ['items[0]', { ...LEASE, items: [null] }],
    ['items[0].picoDenominator', { ...LEASE, items: [{ ...LEASE.items[0], picoDenominator: '0' }] }],
    ['items[0].state', { ...LEASE, items: [{ ...LEASE.items[0], state: 'asleep' }] }],
    ['expiresUtcNs', { ...LEASE, expiresUtcNs: (1n << 128n).toString() }],
    ['body', null],
  ])('a malformed %s is EINVAL naming it, even when signed', (field, lease) => {
    const { error } = readSignedLease(publicKey, signLease(privateKey, lease as Lease));
    expect(error?.code).toBe('EINVAL');
    expect(error?.detail).toContain(field);
  });
});
