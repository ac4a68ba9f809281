/** The host's own Ed25519 signing key, made on the first start and kept in its folder (mode 0600). */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { writeFileAtomic } from '../storage/atomic-file.js';

export interface HostKey {
  privateKey: KeyObject;
  /** Base64 of the DER SubjectPublicKeyInfo. */
  publicKey: string;
}

/** Opens the key at `path`, or makes one. Throws when the file is there but holds no Ed25519 key. */
export function openHostKey(path: string): HostKey {
  if (!existsSync(path)) {
    const made = generateKeyPairSync('ed25519');
    writeFileAtomic(path, made.privateKey.export({ format: 'pem', type: 'pkcs8' }), 0o600);
  }
  const privateKey = createPrivateKey(readFileSync(path));
  if (privateKey.asymmetricKeyType !== 'ed25519') {
    throw new TypeError(`host key at ${path} is ${String(privateKey.asymmetricKeyType)}, expected ed25519`);
  }
  const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).toString('base64');
  return { privateKey, publicKey };
}
