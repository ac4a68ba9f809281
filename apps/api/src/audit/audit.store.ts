import { Injectable } from '@nestjs/common';
import type { Actor } from '../platform/actor.js';
import { Database, jsonColumn, type Tx } from '../platform/database.js';
import { newId } from '../platform/ids.js';
import type { AuditNote } from './audit.js';

export interface AuditEntry {
  id: string;
  tenantId: string | null;
  action: string;
  subjectType: string;
  subjectId: string;
  actorKind: string;
  userId: string | null;
  keyId: string | null;
  requestId: string;
  ip: string;
  before: unknown;
  after: unknown;
  createdAt: Date;
}

export interface AuditFilter {
  tenantId?: string;
  subjectId?: string;
  before?: string;
  take: number;
}

@Injectable()
export class AuditStore {
  constructor(private readonly database: Database) {}

  async add(tx: Tx, actor: Actor, note: AuditNote): Promise<void> {
    await tx.auditEntry.create({
      data: {
        id: newId('aud'),
        tenantId: note.tenantId === undefined ? actor.tenantId : note.tenantId,
        action: note.action,
        subjectType: note.subjectType,
        subjectId: note.subjectId,
        actorKind: actor.kind,
        userId: actor.userId,
        keyId: actor.keyId,
        requestId: actor.requestId,
        ip: actor.ip,
        before: jsonColumn(note.before),
        after: jsonColumn(note.after),
      },
      select: { id: true },
    });
  }

  /** Newest first. */
  async list(filter: AuditFilter): Promise<AuditEntry[]> {
    return this.database.prisma.auditEntry.findMany({
      where: {
        tenantId: filter.tenantId,
        subjectId: filter.subjectId,
        id: filter.before === undefined ? undefined : { lt: filter.before },
      },
      orderBy: { id: 'desc' },
      take: filter.take,
    });
  }
}
