import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { type Actor, CurrentActor, Operator, Roles, tenantOf } from '../platform/actor.js';
import { isId } from '../platform/ids.js';
import { mapPage, pageOf, pageQuery, pageSchema, readIdCursor } from '../platform/page.js';
import { refuse } from '../platform/problem.js';
import { Route } from '../platform/route.js';
import { AwaitOperation } from './await-operation.js';
import { operationStatuses, operationWire, toOperationWire } from './operation.dto.js';
import { OperationStore } from './operation.store.js';

const listQuery = pageQuery.extend({
  subject: z.string().max(64).optional().describe('Only operations on this id.'),
  status: z.enum(operationStatuses).optional(),
});
type ListQuery = z.infer<typeof listQuery>;

const waitQuery = z.object({
  wait: z.coerce
    .number()
    .int()
    .min(0)
    .max(60)
    .default(0)
    .describe('Seconds to wait for its end, at most 60.'),
});
type WaitQuery = z.infer<typeof waitQuery>;

const operationParams = z.object({
  id: z.string().refine((id) => isId('op', id), 'must be an operation id (op_...)'),
});

@Controller()
export class OperationsController {
  constructor(
    private readonly store: OperationStore,
    private readonly awaitOperation: AwaitOperation,
  ) {}

  @Get('operations')
  @Roles()
  @Route({
    summary: 'Operations, newest first',
    operationId: 'listOperations',
    tag: 'Operations',
    query: listQuery,
    responses: { 200: pageSchema(operationWire) },
    problems: ['invalid_cursor'],
  })
  async list(@Query() query: ListQuery, @CurrentActor() actor: Actor) {
    return this.page(query, tenantOf(actor));
  }

  @Get('operations/:id')
  @Roles()
  @Route({
    summary: 'One operation; with wait, its end',
    description:
      'With wait the answer comes when the operation has ended, or after so many seconds as it is by then.',
    operationId: 'getOperation',
    tag: 'Operations',
    params: operationParams,
    query: waitQuery,
    responses: { 200: operationWire },
    problems: ['not_found'],
  })
  async get(
    @Param('id') id: string,
    @Query() query: WaitQuery,
    @CurrentActor() actor: Actor,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return this.one(id, tenantOf(actor), query, reply);
  }

  @Get('operator/operations')
  @Operator()
  @Route({
    summary: 'Operations of all tenants, newest first',
    operationId: 'listOperatorOperations',
    tag: 'Operator',
    query: listQuery,
    responses: { 200: pageSchema(operationWire) },
    problems: ['invalid_cursor'],
  })
  async listAll(@Query() query: ListQuery) {
    return this.page(query, undefined);
  }

  @Get('operator/operations/:id')
  @Operator()
  @Route({
    summary: 'One operation of any tenant',
    operationId: 'getOperatorOperation',
    tag: 'Operator',
    params: operationParams,
    query: waitQuery,
    responses: { 200: operationWire },
    problems: ['not_found'],
  })
  async getAny(
    @Param('id') id: string,
    @Query() query: WaitQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return this.one(id, undefined, query, reply);
  }

  private async page(query: ListQuery, tenantId: string | undefined) {
    const { limit, cursor, subject: subjectId, status } = query;
    const rows = await this.store.list({
      tenantId,
      subjectId,
      status,
      before: readIdCursor(cursor),
      take: limit + 1,
    });
    return mapPage(
      pageOf(rows, limit, (row) => [row.id]),
      toOperationWire,
    );
  }

  private async one(id: string, tenantId: string | undefined, query: WaitQuery, reply: FastifyReply) {
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const row = await this.awaitOperation.run(id, tenantId, query.wait * 1000, gone.signal);
    if (!row) throw refuse('not_found', `There is no operation ${id}.`);
    return toOperationWire(row);
  }
}
