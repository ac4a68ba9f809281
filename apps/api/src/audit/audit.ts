import { Injectable } from '@nestjs/common';
import type { Actor } from '../platform/actor.js';
import type { Tx } from '../platform/unit-of-work.js';
import { AuditStore } from './audit.store.js';

export interface AuditNote {
  /** Verb and noun, such as `domain.create`. */
  action: string;
  subjectType: string;
  subjectId: string;
  /** The tenant concerned when the actor speaks for another one or none, such as an operator's staff. */
  tenantId?: string | null;
  before?: unknown;
  after?: unknown;
}

/** The trail of who changed what. Written in the transaction of the change; rows are never changed or removed. */
@Injectable()
export class Audit {
  constructor(private readonly store: AuditStore) {}

  async write(tx: Tx, actor: Actor, note: AuditNote): Promise<void> {
    await this.store.add(tx, actor, note);
  }
}
