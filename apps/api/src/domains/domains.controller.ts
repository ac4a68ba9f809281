import { Body, Controller, Delete, Get, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Audit } from '../audit/audit.js';
import { operationWire, toOperationWire } from '../operations/operation.dto.js';
import { Operations } from '../operations/operations.js';
import { CurrentActor, Operator, Roles, tenantOf, type Actor } from '../platform/actor.js';
import { etagOf } from '../platform/etag.js';
import { Idempotency, sendAnswer, type Answer } from '../platform/idempotency.js';
import { Jobs } from '../platform/jobs.js';
import { mapPage, pageOf, pageQuery, pageSchema, readIdCursor } from '../platform/page.js';
import { refuse } from '../platform/problem.js';
import { Route } from '../platform/route.js';
import type { Tx } from '../platform/unit-of-work.js';
import { Tenants } from '../tenants/tenants.js';
import { CreateDomain } from './create-domain.js';
import { blockedBy, type DomainAction } from './domain-actions.js';
import {
  domainActionSchema,
  domainCreateSchema,
  domainParams,
  domainSchema,
  operatorDomainSchema,
  type DomainCreate,
} from './domain.dto.js';
import { DomainStore } from './domain.store.js';
import { ShowDomain } from './show-domain.js';

const listQuery = pageQuery.extend({
  state: z.enum(['running', 'paused', 'halted', 'crashed']).optional(),
  name: z.string().max(40).optional().describe('Part of the name, in any case.'),
});
const createdSchema = z.object({ domain: domainSchema, operation: operationWire });
const startedSchema = z.object({ operation: operationWire });

@Controller()
export class DomainsController {
  constructor(
    private readonly domains: DomainStore,
    private readonly createDomain: CreateDomain,
    private readonly show: ShowDomain,
    private readonly operations: Operations,
    private readonly idempotency: Idempotency,
    private readonly jobs: Jobs,
    private readonly audit: Audit,
    private readonly tenants: Tenants,
  ) {}

  @Get('domains')
  @Roles()
  @Route({
    summary: 'Domains of the tenant, oldest first',
    operationId: 'listDomains',
    tag: 'Domains',
    query: listQuery,
    responses: { 200: pageSchema(domainSchema) },
    problems: ['invalid_cursor'],
  })
  async list(@Query() query: z.infer<typeof listQuery>, @CurrentActor() actor: Actor) {
    const { limit, cursor, state, name } = query;
    const afterId = readIdCursor(cursor);
    const rows = await this.domains.list({
      tenantId: tenantOf(actor),
      state,
      name,
      afterId,
      take: limit + 1,
    });
    const page = pageOf(rows, limit, (row) => [row.id]);
    return { data: await this.show.all(page.data), page: page.page };
  }

  @Post('domains')
  @Route({
    summary: 'Create a domain',
    description: 'Answers at once with the domain and the operation that builds and starts it.',
    operationId: 'createDomain',
    tag: 'Domains',
    body: domainCreateSchema,
    responses: { 201: createdSchema },
    problems: ['limit_exceeded', 'budget_exhausted', 'no_capacity', 'already_exists'],
    idempotencyKey: 'required',
  })
  async create(
    @Body() body: DomainCreate,
    @CurrentActor() actor: Actor,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ) {
    const answer = await this.idempotency.perform(
      request,
      { required: true },
      async (tx): Promise<Answer> => {
        const { domainId, operation } = await this.createDomain.run(tx, actor, body);
        const domain = (await this.domains.find(domainId, undefined, tx))!;
        return {
          status: 201,
          headers: { Location: `/v1/domains/${domainId}` },
          body: { domain: await this.show.one(domain), operation: toOperationWire(operation) },
        };
      },
    );
    return sendAnswer(reply, answer);
  }

  @Get('domains/:id')
  @Roles()
  @Route({
    summary: 'One domain',
    operationId: 'getDomain',
    tag: 'Domains',
    params: domainParams,
    responses: { 200: domainSchema },
    problems: ['not_found'],
  })
  async get(
    @Param('id') id: string,
    @CurrentActor() actor: Actor,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const row = await this.domains.find(id, tenantOf(actor));
    if (!row) throw refuse('not_found', `There is no domain ${id}.`);
    void reply.header('ETag', etagOf(row.version));
    return this.show.one(row);
  }

  @Post('domains/:id/actions')
  @Route({
    summary: 'Start, shut down, stop, reboot, pause or unpause a domain',
    operationId: 'actOnDomain',
    tag: 'Domains',
    params: domainParams,
    body: domainActionSchema,
    responses: { 202: startedSchema },
    problems: ['not_found', 'action_not_allowed', 'operation_in_progress'],
    idempotencyKey: 'optional',
  })
  async act(
    @Param('id') id: string,
    @Body() body: z.infer<typeof domainActionSchema>,
    @CurrentActor() actor: Actor,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ) {
    const answer = await this.idempotency.perform(request, { required: false }, (tx) =>
      this.begin(tx, actor, id, body.type),
    );
    return sendAnswer(reply, answer);
  }

  @Delete('domains/:id')
  @Route({
    summary: 'Delete a domain and its volumes',
    operationId: 'deleteDomain',
    tag: 'Domains',
    params: domainParams,
    responses: { 202: startedSchema },
    problems: ['not_found', 'operation_in_progress'],
    idempotencyKey: 'optional',
  })
  async delete(
    @Param('id') id: string,
    @CurrentActor() actor: Actor,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ) {
    const answer = await this.idempotency.perform(request, { required: false }, (tx) =>
      this.begin(tx, actor, id, 'delete'),
    );
    return sendAnswer(reply, answer);
  }

  @Get('operator/domains')
  @Operator()
  @Route({
    summary: 'Domains of all tenants, oldest first',
    operationId: 'listOperatorDomains',
    tag: 'Operator',
    query: listQuery,
    responses: { 200: pageSchema(operatorDomainSchema) },
    problems: ['invalid_cursor'],
  })
  async listAll(@Query() query: z.infer<typeof listQuery>) {
    const { limit, cursor, state, name } = query;
    const rows = await this.domains.list({ state, name, afterId: readIdCursor(cursor), take: limit + 1 });
    const page = pageOf(rows, limit, (row) => [row.id]);
    const shown = new Map((await this.show.all(page.data, true)).map((wire) => [wire.id, wire]));
    const names = new Map<string, string>();
    for (const id of new Set(page.data.map((row) => row.tenantId))) {
      names.set(id, (await this.tenants.get(null, id)).name);
    }
    return mapPage(page, (row) => ({
      ...shown.get(row.id)!,
      tenant_id: row.tenantId,
      tenant_name: names.get(row.tenantId)!,
    }));
  }

  /** Opens the operation of an action on a domain that allows it. */
  private async begin(tx: Tx, actor: Actor, id: string, action: DomainAction | 'delete'): Promise<Answer> {
    const tenantId = tenantOf(actor);
    const domain = await this.domains.lock(tx, id);
    if (!domain || domain.tenantId !== tenantId) throw refuse('not_found', `There is no domain ${id}.`);
    const blocked = blockedBy(domain, action);
    if (blocked) {
      const code = blocked.code === 'operation_in_progress' ? 'operation_in_progress' : 'action_not_allowed';
      throw refuse(code, blocked.detail, { action, reason: blocked.code });
    }
    const operation = await this.operations.open(tx, {
      tenantId,
      type: `domain.${action}`,
      subjectType: 'domain',
      subjectId: id,
      actor,
    });
    const operationId = operation.id;
    await this.domains.update(tx, id, { operationId, ...(action === 'delete' ? { phase: 'deleting' } : {}) });
    if (action === 'delete') await this.jobs.request(tx, 'delete-domain', { operationId, domainId: id });
    else await this.jobs.request(tx, 'domain-action', { operationId, domainId: id, action });
    await this.audit.write(tx, actor, { action: `domain.${action}`, subjectType: 'domain', subjectId: id });
    return {
      status: 202,
      headers: { Location: `/v1/operations/${operationId}` },
      body: { operation: toOperationWire(operation) },
    };
  }
}
