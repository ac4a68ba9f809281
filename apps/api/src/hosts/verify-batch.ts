import { Injectable } from '@nestjs/common';
import { verifyBatch, type ReadingBatch } from '@xenorack/xenoserver';
import { refuse } from '../platform/problem.js';
import { HostStore } from './host.store.js';

/** Takes a host's word only with its signature: the key is the one it announced when the epoch began. */
@Injectable()
export class VerifyBatch {
  constructor(private readonly hosts: HostStore) {}

  /** Refusals: not_found (unknown host or epoch), invalid_request (the signature, the root or a hash is wrong). */
  async check(batch: ReadingBatch): Promise<void> {
    const publicKey = await this.hosts.publicKeyOf(batch.hostId, batch.epoch);
    if (!publicKey) throw refuse('not_found', `Host ${batch.hostId} has announced no epoch ${batch.epoch}.`);
    const fault = verifyBatch(batch, publicKey);
    if (!fault) return;
    throw refuse('invalid_request', `The batch does not verify: ${fault.field} ${fault.detail}.`, {
      errors: [{ pointer: `/${fault.field.replaceAll('.', '/')}`, code: 'unverified', detail: fault.detail }],
    });
  }
}
