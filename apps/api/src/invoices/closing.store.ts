import { Injectable } from '@nestjs/common';
import { Database } from '../platform/database.js';

@Injectable()
export class ClosingStore {
  constructor(private readonly database: Database) {}

  /** Tenants that were ever metered. */
  async meteredTenants(): Promise<string[]> {
    const rows = await this.database.prisma.$queryRaw<{ tenant_id: string }[]>`
      SELECT t.id AS tenant_id FROM tenant t WHERE EXISTS (SELECT 1 FROM incarnation i WHERE i.tenant_id = t.id)`;
    return rows.map((row) => row.tenant_id);
  }
}
