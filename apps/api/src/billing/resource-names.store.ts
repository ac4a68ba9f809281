import { Injectable } from '@nestjs/common';
import { Database } from '../platform/database.js';

export interface ResourceName {
  type: 'domain' | 'volume';
  name: string;
}

/** Names of everything a bill may speak of, deleted resources too: a bill outlives what it is about. */
@Injectable()
export class ResourceNamesStore {
  constructor(private readonly database: Database) {}

  async of(tenantId: string): Promise<Map<string, ResourceName>> {
    const rows = await this.database.prisma.$queryRaw<
      { id: string; name: string; type: 'domain' | 'volume' }[]
    >`
      SELECT id, name, 'domain' AS type FROM domain WHERE tenant_id = ${tenantId} UNION ALL
      SELECT id, name, 'volume' AS type FROM volume WHERE tenant_id = ${tenantId}`;
    return new Map(rows.map((row) => [row.id, { type: row.type, name: row.name }]));
  }
}
