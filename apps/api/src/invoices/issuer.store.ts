import { Injectable } from '@nestjs/common';
import type { Tx } from '../platform/unit-of-work.js';

/** Who invoices, with its own unbroken row of numbers. */
@Injectable()
export class IssuerStore {
  async create(tx: Tx, issuer: { id: string; name: string; prefix: string }): Promise<void> {
    await tx.issuer.create({ data: issuer });
  }
}
