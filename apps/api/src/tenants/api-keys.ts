import { Injectable } from '@nestjs/common';
import { Audit } from '../audit/audit.js';
import { ApiKeyStore, newSecret } from '../auth/api-key.store.js';
import { type Actor, type Scope, tenantOf } from '../platform/actor.js';
import { newId } from '../platform/ids.js';
import { Outbox } from '../platform/outbox.js';
import { refuse } from '../platform/problem.js';
import type { Tx } from '../platform/unit-of-work.js';
import { WallClock } from '../platform/wall-clock.js';
import { type ApiKeyRow, ApiKeysStore } from './api-keys.store.js';

export interface NewApiKey {
  name: string;
  scopes: readonly Scope[];
  expiresAt?: Date | null;
}

/** Making and revoking the keys of a tenant's programs. */
@Injectable()
export class ApiKeys {
  constructor(
    private readonly store: ApiKeysStore,
    private readonly known: ApiKeyStore,
    private readonly audit: Audit,
    private readonly outbox: Outbox,
    private readonly clock: WallClock,
  ) {}

  /** Makes a key; its secret is in this answer and nowhere else. */
  async issue(
    tx: Tx,
    tenantId: string,
    input: NewApiKey,
    createdBy: string | null,
  ): Promise<{ row: ApiKeyRow; secret: string }> {
    const { secret, digest, prefix } = newSecret();
    const row: ApiKeyRow = {
      id: newId('key'),
      tenantId,
      name: input.name,
      prefix,
      scopes: [...input.scopes],
      createdBy,
      createdAt: this.clock.now(),
      expiresAt: input.expiresAt ?? null,
      lastUsedAt: null,
      revokedAt: null,
    };
    await this.store.insert(tx, { ...row, digest });
    await this.outbox.write(tx, {
      tenantId,
      type: 'api_key.created',
      subject: { type: 'api_key', id: row.id },
      data: { name: row.name, scopes: row.scopes },
    });
    return { row, secret };
  }

  /** Errors: forbidden for a key that would make a key; invalid_request for an expiry that has passed. */
  async create(tx: Tx, actor: Actor, input: NewApiKey): Promise<{ row: ApiKeyRow; secret: string }> {
    if (actor.kind !== 'user') throw refuse('forbidden', 'API keys are made by people, not by API keys.');
    if (input.expiresAt && input.expiresAt <= this.clock.now()) {
      const detail = `expires_at must lie in the future; it is ${input.expiresAt.toISOString()}.`;
      throw refuse('invalid_request', detail, {
        errors: [{ pointer: '/expires_at', code: 'too_small', detail }],
      });
    }
    const made = await this.issue(tx, tenantOf(actor), input, actor.userId);
    await this.note(tx, actor, 'api_key.create', made.row);
    return made;
  }

  /** Errors: not_found, also for another tenant's key and for one that is revoked already. */
  async revoke(tx: Tx, actor: Actor, id: string): Promise<void> {
    const row = await this.store.revoke(tx, tenantOf(actor), id, this.clock.now());
    if (!row) throw refuse('not_found', `There is no API key ${id}.`);
    await this.outbox.write(tx, {
      tenantId: row.tenantId,
      type: 'api_key.revoked',
      subject: { type: 'api_key', id },
      data: { name: row.name },
    });
    await this.note(tx, actor, 'api_key.revoke', row);
  }

  /** After the commit of a revocation: in this process it counts at once, elsewhere within a second. */
  forgetCached(): void {
    this.known.forgetCached();
  }

  private async note(tx: Tx, actor: Actor, action: string, row: ApiKeyRow): Promise<void> {
    const after = { name: row.name, prefix: row.prefix, scopes: row.scopes, expires_at: row.expiresAt };
    await this.audit.write(tx, actor, { action, subjectType: 'api_key', subjectId: row.id, after });
  }
}
