import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { exportPublicKey, signLease, type Lease, type SignedLease } from '@xenorack/xenoserver';
import { Config } from '../platform/config.js';

/**
 * The control plane's Ed25519 key: hosts accept only leases signed with it. Made once, kept in the data folder with
 * mode 0600; processes on several machines share the file.
 */
@Injectable()
export class ControlKey {
  private readonly privateKey: KeyObject;
  /** Base64 of the DER SubjectPublicKeyInfo, as hosts take it. */
  readonly publicKey: string;

  constructor(config: Config) {
    const file = join(config.dataDir, 'control-key.pem');
    if (!existsSync(file)) {
      mkdirSync(config.dataDir, { recursive: true });
      const made = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
      // `wx` lets exactly one of several starting processes write the key; the others read it.
      try {
        writeFileSync(file, made, { mode: 0o600, flag: 'wx' });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
    this.privateKey = createPrivateKey(readFileSync(file));
    this.publicKey = exportPublicKey(createPublicKey(this.privateKey));
  }

  sign(lease: Lease): SignedLease {
    return signLease(this.privateKey, lease);
  }
}
