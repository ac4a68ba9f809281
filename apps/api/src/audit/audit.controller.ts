import { Controller, Get, Query } from '@nestjs/common';
import { z } from 'zod';
import { type Actor, CurrentActor, Operator, Roles, tenantOf } from '../platform/actor.js';
import { mapPage, pageOf, pageQuery, pageSchema, readIdCursor } from '../platform/page.js';
import { Route } from '../platform/route.js';
import { type AuditEntry, AuditStore } from './audit.store.js';

const auditEntryWire = z
  .object({
    id: z.string(),
    tenant_id: z.string().nullable(),
    action: z.string(),
    subject: z.object({ type: z.string(), id: z.string() }),
    actor: z.object({ kind: z.string(), user_id: z.string().nullable(), key_id: z.string().nullable() }),
    request_id: z.string(),
    ip: z.string(),
    before: z.unknown(),
    after: z.unknown(),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'AuditEntry' });

const auditQuery = pageQuery.extend({
  subject: z.string().max(64).optional().describe('Only entries about this id.'),
});
type AuditQuery = z.infer<typeof auditQuery>;

@Controller()
export class AuditController {
  constructor(private readonly store: AuditStore) {}

  @Get('audit-entries')
  @Roles('owner', 'admin')
  @Route({
    summary: 'Who changed what, newest first',
    operationId: 'listAuditEntries',
    tag: 'Audit',
    query: auditQuery,
    responses: { 200: pageSchema(auditEntryWire) },
    problems: ['invalid_cursor'],
  })
  async list(@Query() query: AuditQuery, @CurrentActor() actor: Actor) {
    return this.page(query, tenantOf(actor));
  }

  @Get('operator/audit-entries')
  @Operator()
  @Route({
    summary: 'Who changed what in the whole installation, newest first',
    operationId: 'listOperatorAuditEntries',
    tag: 'Operator',
    query: auditQuery,
    responses: { 200: pageSchema(auditEntryWire) },
    problems: ['invalid_cursor'],
  })
  async listAll(@Query() query: AuditQuery) {
    return this.page(query, undefined);
  }

  private async page(query: AuditQuery, tenantId: string | undefined) {
    const { limit, cursor, subject: subjectId } = query;
    const rows = await this.store.list({
      tenantId,
      subjectId,
      before: readIdCursor(cursor),
      take: limit + 1,
    });
    return mapPage(
      pageOf(rows, limit, (row) => [row.id]),
      toWire,
    );
  }
}

function toWire(entry: AuditEntry): z.input<typeof auditEntryWire> {
  return {
    id: entry.id,
    tenant_id: entry.tenantId,
    action: entry.action,
    subject: { type: entry.subjectType, id: entry.subjectId },
    actor: { kind: entry.actorKind, user_id: entry.userId, key_id: entry.keyId },
    request_id: entry.requestId,
    ip: entry.ip,
    before: entry.before ?? null,
    after: entry.after ?? null,
    created_at: entry.createdAt.toISOString(),
  };
}
