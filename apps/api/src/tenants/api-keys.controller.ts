import { Body, Controller, Delete, Get, Param, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { type Actor, CurrentActor, Roles, tenantOf } from '../platform/actor.js';
import { isId } from '../platform/ids.js';
import { mapPage, type PageQuery, pageOf, pageQuery, pageSchema, readIdCursor } from '../platform/page.js';
import { Route } from '../platform/route.js';
import { UnitOfWork } from '../platform/unit-of-work.js';
import { type ApiKeyRow, ApiKeysStore } from './api-keys.store.js';
import { ApiKeys } from './api-keys.js';

const scopes = z.enum(['read', 'write']);

const createApiKeyBody = z
  .strictObject({
    name: z.string().trim().min(1).max(64),
    scopes: z.array(scopes).min(1).max(2).default(['read']),
    expires_at: z.iso.datetime().nullable().default(null),
  })
  .meta({ id: 'CreateApiKey' });

const apiKeyWire = z
  .object({
    id: z.string(),
    name: z.string(),
    prefix: z.string().describe('How the secret begins.'),
    scopes: z.array(scopes),
    created_by: z.string().nullable(),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime().nullable(),
    last_used_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'ApiKey' });

const createdApiKeyWire = apiKeyWire
  .extend({ secret: z.string().describe('Shown in this answer only.') })
  .meta({ id: 'CreatedApiKey' });

@Controller('api-keys')
@Roles('owner', 'admin')
export class ApiKeysController {
  constructor(
    private readonly apiKeys: ApiKeys,
    private readonly store: ApiKeysStore,
    private readonly unitOfWork: UnitOfWork,
  ) {}

  @Get()
  @Route({
    summary: 'API keys, newest first',
    operationId: 'listApiKeys',
    tag: 'Access',
    query: pageQuery,
    responses: { 200: pageSchema(apiKeyWire) },
    problems: ['invalid_cursor'],
  })
  async list(@Query() query: PageQuery, @CurrentActor() actor: Actor) {
    const { limit, cursor } = query;
    const rows = await this.store.list({
      tenantId: tenantOf(actor),
      before: readIdCursor(cursor),
      take: limit + 1,
    });
    return mapPage(
      pageOf(rows, limit, (row) => [row.id]),
      toWire,
    );
  }

  @Post()
  @Route({
    summary: 'Make an API key',
    operationId: 'createApiKey',
    tag: 'Access',
    body: createApiKeyBody,
    responses: { 201: createdApiKeyWire },
  })
  async create(
    @Body() body: z.infer<typeof createApiKeyBody>,
    @CurrentActor() actor: Actor,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<z.input<typeof createdApiKeyWire>> {
    // No Idempotency-Key here: the stored answer would keep the secret, which is to be kept nowhere.
    const expiresAt = body.expires_at === null ? null : new Date(body.expires_at);
    const wanted = { name: body.name, scopes: [...new Set(body.scopes)], expiresAt };
    const { row, secret } = await this.unitOfWork.run((tx) => this.apiKeys.create(tx, actor, wanted));
    reply.header('Location', `/v1/api-keys/${row.id}`);
    return { ...toWire(row), secret };
  }

  @Delete(':id')
  @Route({
    summary: 'Revoke an API key',
    operationId: 'deleteApiKey',
    tag: 'Access',
    params: z.object({ id: z.string().refine((id) => isId('key', id), 'must be an API key id (key_...)') }),
    responses: { 204: null },
    problems: ['not_found'],
  })
  async remove(@Param('id') id: string, @CurrentActor() actor: Actor): Promise<void> {
    await this.unitOfWork.run((tx) => this.apiKeys.revoke(tx, actor, id));
    this.apiKeys.forgetCached();
  }
}

function toWire(row: ApiKeyRow): z.input<typeof apiKeyWire> {
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    scopes: row.scopes as ('read' | 'write')[],
    created_by: row.createdBy,
    created_at: row.createdAt.toISOString(),
    expires_at: row.expiresAt?.toISOString() ?? null,
    last_used_at: row.lastUsedAt?.toISOString() ?? null,
  };
}
