import { Controller, Get, Query } from '@nestjs/common';
import { z } from 'zod';
import { moneySchema, picoWire } from '../catalog/money.dto.js';
import { CurrentActor, Operator, Roles, tenantOf, type Actor } from '../platform/actor.js';
import { mapPage, pageOf, pageQuery, pageSchema, readIdCursor, type PageQuery } from '../platform/page.js';
import { Route } from '../platform/route.js';
import { LedgerStore } from './ledger.store.js';

const entrySchema = z
  .object({
    id: z.string(),
    transaction_id: z.string(),
    at: z.iso.datetime(),
    account: z.string(),
    amount: moneySchema.describe('Debit positive, credit negative.'),
    cause: z.string(),
    description: z.string(),
  })
  .meta({ id: 'LedgerEntry' });

const balancesSchema = z.object({
  data: z.array(z.object({ account: z.string(), balance: moneySchema })),
  sums: z.array(moneySchema).describe('Per currency over all accounts: always zero.'),
});

@Controller()
export class LedgerController {
  constructor(private readonly store: LedgerStore) {}

  @Get('ledger-entries')
  @Roles()
  @Route({
    summary: "Entries of the tenant's ledger accounts, newest first",
    operationId: 'listLedgerEntries',
    tag: 'Billing',
    query: pageQuery,
    responses: { 200: pageSchema(entrySchema) },
    problems: ['invalid_cursor'],
  })
  async entries(@Query() { limit, cursor }: PageQuery, @CurrentActor() actor: Actor) {
    const rows = await this.store.entriesOf(tenantOf(actor), readIdCursor(cursor), limit + 1);
    return mapPage(
      pageOf(rows, limit, (row) => [row.id]),
      (row) => ({
        id: row.id,
        transaction_id: row.transactionId,
        at: row.at.toISOString(),
        account: row.account,
        amount: picoWire(row.amountPico, row.currency),
        cause: row.cause,
        description: row.description,
      }),
    );
  }

  @Get('operator/ledger')
  @Operator()
  @Route({
    summary: 'Balances of all accounts; they add up to nothing in each currency',
    operationId: 'getLedgerBalances',
    tag: 'Operator',
    responses: { 200: balancesSchema },
  })
  async balances() {
    const balances = await this.store.balances();
    const sums = new Map<string, bigint>();
    for (const { currency, balancePico } of balances)
      sums.set(currency, (sums.get(currency) ?? 0n) + balancePico);
    return {
      data: balances.map((each) => ({
        account: each.account,
        balance: picoWire(each.balancePico, each.currency),
      })),
      sums: [...sums].map(([currency, sum]) => picoWire(sum, currency)),
    };
  }
}
