import { Injectable } from '@nestjs/common';
import { type TenantRole, tenantRoles } from '../platform/actor.js';
import { Database } from '../platform/database.js';

export interface TenantSummary {
  id: string;
  name: string;
  currency: string;
  timeZone: string;
  mode: string;
  status: string;
}

export interface Membership {
  role: TenantRole;
  tenant: TenantSummary;
}

@Injectable()
export class MembershipStore {
  constructor(private readonly database: Database) {}

  /** The tenants a user may act for, oldest first. */
  async ofUser(userId: string): Promise<Membership[]> {
    const rows = await this.database.prisma.member.findMany({
      where: { userId },
      include: { tenant: true },
      orderBy: { tenantId: 'asc' },
    });
    return rows.flatMap(({ role, tenant }) => {
      const known = tenantRoles.find((each) => each === role);
      return known ? [{ role: known, tenant }] : [];
    });
  }

  async tenant(id: string): Promise<TenantSummary | null> {
    return this.database.prisma.tenant.findUnique({ where: { id } });
  }
}
