import { Injectable } from '@nestjs/common';
import type { TenantRole } from '../platform/actor.js';
import { Database, type Tx } from '../platform/database.js';

export interface Tenant {
  id: string;
  name: string;
  currency: string;
  timeZone: string;
  mode: 'live' | 'test';
  status: 'active' | 'suspended';
  createdAt: Date;
}

@Injectable()
export class TenantStore {
  constructor(private readonly database: Database) {}

  async insert(tx: Tx, tenant: Tenant): Promise<void> {
    await tx.tenant.create({ data: tenant, select: { id: true } });
  }

  async find(tx: Tx | null, id: string): Promise<Tenant | null> {
    return (await (tx ?? this.database.prisma).tenant.findUnique({ where: { id } })) as Tenant | null;
  }

  /** Newest first. */
  async list(filter: { before?: string; take: number }): Promise<Tenant[]> {
    const { before, take } = filter;
    const rows = await this.database.prisma.tenant.findMany({
      where: { id: before === undefined ? undefined : { lt: before } },
      orderBy: { id: 'desc' },
      take,
    });
    return rows as Tenant[];
  }

  async addMember(tx: Tx, tenantId: string, userId: string, role: TenantRole): Promise<void> {
    await tx.member.upsert({
      where: { tenantId_userId: { tenantId, userId } },
      create: { tenantId, userId, role },
      update: { role },
      select: { userId: true },
    });
  }
}
