import { Injectable } from '@nestjs/common';
import { Database, type Tx } from '../platform/database.js';

export interface ApiKeyRow {
  id: string;
  tenantId: string;
  name: string;
  prefix: string;
  scopes: string[];
  createdBy: string | null;
  createdAt: Date;
  expiresAt: Date | null;
  lastUsedAt: Date | null;
  revokedAt: Date | null;
}

@Injectable()
export class ApiKeysStore {
  constructor(private readonly database: Database) {}

  async insert(tx: Tx, row: ApiKeyRow & { digest: Uint8Array<ArrayBuffer> }): Promise<void> {
    await tx.apiKey.create({ data: row, select: { id: true } });
  }

  /** Newest first, without the revoked ones. */
  async list(filter: { tenantId: string; before?: string; take: number }): Promise<ApiKeyRow[]> {
    const { tenantId, before, take } = filter;
    return this.database.prisma.apiKey.findMany({
      where: { tenantId, revokedAt: null, id: before === undefined ? undefined : { lt: before } },
      orderBy: { id: 'desc' },
      take,
    });
  }

  /** @returns The key as it was, or null when the tenant has no such key that is not revoked. */
  async revoke(tx: Tx, tenantId: string, id: string, at: Date): Promise<ApiKeyRow | null> {
    const row = await tx.apiKey.findFirst({ where: { id, tenantId, revokedAt: null } });
    if (!row) return null;
    const { count } = await tx.apiKey.updateMany({ where: { id, revokedAt: null }, data: { revokedAt: at } });
    return count === 1 ? row : null;
  }
}
