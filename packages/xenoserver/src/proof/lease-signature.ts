/**
 * Leases on the wire: the control plane signs one, the host reads it.
 *
 * Design. The signature is Ed25519 over the exact UTF-8 bytes of `body`, so no canonical JSON is needed. Everything in
 * the body is checked here once; behind this file a lease is trusted to be well formed.
 *
 * Errors. EKEYREJECTED (not signed by the control plane), EINVAL (a field is out of form or bounds).
 */
import { createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import type { CommandError, Lease, LeaseItem, SignedLease } from '../control.js';

export const LEASE_BODY_BYTES_MAX = 1024 * 1024;
export const LEASE_ITEMS_MAX = 4_096;
const U128_MAX = (1n << 128n) - 1n;
const POLICIES = ['alert', 'throttle', 'pause'];

/** Signs a lease with the control plane's Ed25519 key (a KeyObject or PEM text). */
export function signLease(privateKey: KeyObject | string, lease: Lease): SignedLease {
  const body = JSON.stringify(lease);
  return { body, signature: sign(null, Buffer.from(body, 'utf8'), privateKey).toString('base64') };
}

/** Wire form of a public key: base64 of the DER SubjectPublicKeyInfo. Takes a private or public key, or PEM text. */
export function exportPublicKey(key: KeyObject | string): string {
  const publicKey = typeof key === 'string' || key.type === 'private' ? createPublicKey(key) : key;
  return publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
}

class Malformed extends Error {}

function textField(value: unknown, field: string, charactersMax = 128): string {
  if (typeof value === 'string' && value.length >= 1 && value.length <= charactersMax) return value;
  throw new Malformed(`lease ${field} must be a text of 1 to ${charactersMax} characters`);
}

function countField(value: unknown, field: string, min: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min) return value;
  throw new Malformed(`lease ${field} is ${String(value)}, expected an integer of at least ${min}`);
}

function decimalField(value: unknown, field: string, min = 0n): string {
  if (typeof value === 'string' && /^\d{1,39}$/.test(value)) {
    const number = BigInt(value);
    if (number >= min && number <= U128_MAX) return value;
  }
  throw new Malformed(`lease ${field} is ${String(value)}, expected a decimal string from ${min} to 2^128-1`);
}

function readItem(value: unknown, at: number): LeaseItem {
  const field = `items[${at}]`;
  if (typeof value !== 'object' || value === null) throw new Malformed(`lease ${field} is not an object`);
  const item = value as Record<string, unknown>;
  const state = item['state'];
  if (state !== null && state !== 'running' && state !== 'paused') {
    throw new Malformed(`lease ${field}.state is ${String(state)}, expected running, paused or null`);
  }
  return {
    resourceId: textField(item['resourceId'], `${field}.resourceId`),
    meter: textField(item['meter'], `${field}.meter`),
    state,
    freeQuantity: decimalField(item['freeQuantity'], `${field}.freeQuantity`),
    picoNumerator: decimalField(item['picoNumerator'], `${field}.picoNumerator`),
    picoDenominator: decimalField(item['picoDenominator'], `${field}.picoDenominator`, 1n),
  };
}

function readBody(body: string): Lease {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    throw new Malformed('lease body is not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null) throw new Malformed('lease body is not an object');
  const lease = parsed as Record<string, unknown>;
  const items = lease['items'];
  if (!Array.isArray(items) || items.length > LEASE_ITEMS_MAX) {
    throw new Malformed(`lease items must be a list of at most ${LEASE_ITEMS_MAX}`);
  }
  const policy = lease['policy'];
  if (typeof policy !== 'string' || !POLICIES.includes(policy)) {
    throw new Malformed(`lease policy is ${String(policy)}, expected one of ${POLICIES.join(', ')}`);
  }
  return {
    leaseId: textField(lease['leaseId'], 'leaseId'),
    tenantId: textField(lease['tenantId'], 'tenantId'),
    hostId: textField(lease['hostId'], 'hostId'),
    epoch: countField(lease['epoch'], 'epoch', 1),
    generation: countField(lease['generation'], 'generation', 1),
    sinceUtcNs: decimalField(lease['sinceUtcNs'], 'sinceUtcNs'),
    items: items.map(readItem),
    authorisedPico: decimalField(lease['authorisedPico'], 'authorisedPico'),
    policy: policy as Lease['policy'],
    expiresUtcNs: decimalField(lease['expiresUtcNs'], 'expiresUtcNs'),
  };
}

/** Checks who signed the lease, then every field. `publicKey` is the control plane's. */
export function readSignedLease(
  publicKey: KeyObject,
  signed: SignedLease,
): { lease: Lease; error: null } | { lease: null; error: CommandError } {
  const bytes = Buffer.from(signed.body, 'utf8');
  if (bytes.length > LEASE_BODY_BYTES_MAX) {
    const detail = `lease body has ${bytes.length} bytes, at most ${LEASE_BODY_BYTES_MAX}`;
    return { lease: null, error: { code: 'EINVAL', detail } };
  }
  if (!verify(null, bytes, publicKey, Buffer.from(signed.signature, 'base64'))) {
    return {
      lease: null,
      error: { code: 'EKEYREJECTED', detail: 'lease is not signed by the control plane' },
    };
  }
  try {
    return { lease: readBody(signed.body), error: null };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return { lease: null, error: { code: 'EINVAL', detail: error.message } };
  }
}
