import { Body, Controller, Delete, Get, Param, Patch, Post, Req, Res } from '@nestjs/common';
import { parsePico } from '@xenorack/accounting';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Audit } from '../audit/audit.js';
import { CurrentActor, Roles, tenantOf, type Actor } from '../platform/actor.js';
import { etagOf, requireIfMatch } from '../platform/etag.js';
import { Idempotency, sendAnswer } from '../platform/idempotency.js';
import { isId, newId } from '../platform/ids.js';
import { refuse } from '../platform/problem.js';
import { Route } from '../platform/route.js';
import { UnitOfWork, type Tx } from '../platform/unit-of-work.js';
import { WallClock } from '../platform/wall-clock.js';
import { Tenants } from '../tenants/tenants.js';
import {
  budgetBodySchema,
  budgetChangeSchema,
  budgetSchema,
  type BudgetBody,
  type BudgetChange,
} from './budget.dto.js';
import { BudgetStore, type BudgetRow } from './budget.store.js';
import { GrantLeases } from './grant-leases.js';
import { ShowBudget } from './show-budget.js';

const BUDGETS_MAX = 20;
const params = z.object({ id: z.string().refine((id) => isId('bud', id), 'must be a budget id (bud_...)') });
const writers = ['owner', 'admin', 'billing', 'member'] as const;

@Controller('budgets')
export class BudgetsController {
  constructor(
    private readonly budgets: BudgetStore,
    private readonly show: ShowBudget,
    private readonly grantLeases: GrantLeases,
    private readonly tenants: Tenants,
    private readonly idempotency: Idempotency,
    private readonly audit: Audit,
    private readonly unitOfWork: UnitOfWork,
    private readonly clock: WallClock,
  ) {}

  @Get()
  @Roles()
  @Route({
    summary: 'Budgets of the tenant, with what is spent and lent',
    operationId: 'listBudgets',
    tag: 'Limits',
    responses: { 200: z.object({ data: z.array(budgetSchema) }) },
  })
  async list(@CurrentActor() actor: Actor) {
    const tenantId = tenantOf(actor);
    return { data: await this.show.all(tenantId, await this.budgets.list(tenantId)) };
  }

  @Get(':id')
  @Roles()
  @Route({
    summary: 'One budget',
    operationId: 'getBudget',
    tag: 'Limits',
    params,
    responses: { 200: budgetSchema },
    problems: ['not_found'],
  })
  async get(
    @Param('id') id: string,
    @CurrentActor() actor: Actor,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const budget = await this.find(tenantOf(actor), id);
    void reply.header('ETag', etagOf(budget.version));
    return (await this.show.all(budget.tenantId, [budget]))[0]!;
  }

  @Post()
  @Roles(...writers)
  @Route({
    summary: 'Create a budget',
    description: 'A budget that stops spending acts on hosts within moments: their leases are cut to it.',
    operationId: 'createBudget',
    tag: 'Limits',
    body: budgetBodySchema,
    responses: { 201: budgetSchema },
    problems: ['limit_exceeded'],
    idempotencyKey: 'optional',
  })
  async create(
    @Body() body: BudgetBody,
    @CurrentActor() actor: Actor,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ) {
    const tenantId = tenantOf(actor);
    const answer = await this.idempotency.perform(request, { required: false }, async (tx) => {
      const amountPico = await this.amountOf(tx, tenantId, body.amount);
      await this.checkCount(tx, tenantId);
      const row = await this.budgets.create(tx, {
        id: newId('bud'),
        tenantId,
        name: body.name,
        amountPico,
        currency: body.amount.currency,
        policy: body.policy,
        thresholdsPercent: body.thresholds_percent,
      });
      await this.changed(tx, actor, 'budget.create', row.id, undefined, body);
      const [wire] = await this.show.all(tenantId, [row]);
      return {
        status: 201,
        headers: { Location: `/v1/budgets/${row.id}`, ETag: etagOf(row.version) },
        body: wire,
      };
    });
    return sendAnswer(reply, answer);
  }

  @Patch(':id')
  @Roles(...writers)
  @Route({
    summary: 'Change a budget; raising it resumes what it paused',
    operationId: 'changeBudget',
    tag: 'Limits',
    params,
    body: budgetChangeSchema,
    responses: { 200: budgetSchema },
    problems: ['not_found', 'precondition_failed', 'precondition_required'],
    ifMatch: true,
  })
  async change(
    @Param('id') id: string,
    @Body() body: BudgetChange,
    @CurrentActor() actor: Actor,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const tenantId = tenantOf(actor);
    const row = await this.unitOfWork.run(async (tx) => {
      const before = await this.find(tenantId, id, tx);
      requireIfMatch(request, etagOf(before.version));
      const { name, policy, thresholds_percent: thresholdsPercent, amount } = body;
      const change = {
        ...(name === undefined ? {} : { name }),
        ...(policy === undefined ? {} : { policy }),
        ...(thresholdsPercent === undefined ? {} : { thresholdsPercent }),
        ...(amount === undefined ? {} : { amountPico: await this.amountOf(tx, tenantId, amount) }),
      };
      const after = await this.budgets.update(tx, id, before.version, change, this.clock.now());
      if (!after) throw refuse('precondition_failed', 'The budget was changed by somebody else just now.');
      await this.changed(tx, actor, 'budget.change', id, summary(before), body);
      return after;
    });
    void reply.header('ETag', etagOf(row.version));
    return (await this.show.all(tenantId, [row]))[0]!;
  }

  @Delete(':id')
  @Roles(...writers)
  @Route({
    summary: 'Delete a budget',
    operationId: 'deleteBudget',
    tag: 'Limits',
    params,
    responses: { 204: null },
    problems: ['not_found'],
  })
  async delete(@Param('id') id: string, @CurrentActor() actor: Actor): Promise<void> {
    await this.unitOfWork.run(async (tx) => {
      const before = await this.find(tenantOf(actor), id, tx);
      await this.budgets.delete(tx, id);
      await this.changed(tx, actor, 'budget.delete', id, summary(before), undefined);
    });
  }

  private async find(tenantId: string, id: string, tx?: Tx): Promise<BudgetRow> {
    const budget = await this.budgets.get(tenantId, id, tx);
    if (!budget) throw refuse('not_found', `There is no budget ${id}.`);
    return budget;
  }

  private async amountOf(
    tx: Tx,
    tenantId: string,
    money: { amount: string; currency: string },
  ): Promise<bigint> {
    const { currency } = await this.tenants.get(tx, tenantId);
    if (money.currency !== currency) {
      const detail = `The tenant pays in ${currency}; the budget is in ${money.currency}.`;
      throw refuse('invalid_request', detail, {
        errors: [{ pointer: '/amount/currency', code: 'currency_mismatch', detail }],
      });
    }
    return parsePico(money.amount)!;
  }

  private async checkCount(tx: Tx, tenantId: string): Promise<void> {
    const used = (await this.budgets.list(tenantId, tx)).length;
    if (used < BUDGETS_MAX) return;
    throw refuse('limit_exceeded', `A tenant has at most ${BUDGETS_MAX} budgets.`, {
      limits: [
        {
          name: 'budgets',
          unit: 'count',
          limit: String(BUDGETS_MAX),
          used: String(used),
          reserved: '0',
          requested: '1',
          short_by: String(used + 1 - BUDGETS_MAX),
        },
      ],
    });
  }

  /** Every change of a budget is audited and acts on the leases and on the announcements. */
  private async changed(tx: Tx, actor: Actor, action: string, id: string, before: unknown, after: unknown) {
    await this.audit.write(tx, actor, { action, subjectType: 'budget', subjectId: id, before, after });
    await this.grantLeases.request(tx, tenantOf(actor));
  }
}

function summary(row: BudgetRow) {
  return {
    name: row.name,
    amount_pico: row.amountPico.toString(),
    policy: row.policy,
    thresholds_percent: row.thresholdsPercent,
  };
}
