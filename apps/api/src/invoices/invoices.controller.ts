import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import { invoiceCsv } from '@xenorack/accounting';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { ResourceNamesStore } from '../billing/resource-names.store.js';
import { instantWire } from '../catalog/instant.dto.js';
import { minorWire, picoWire } from '../catalog/money.dto.js';
import { perText, quantityText } from '../catalog/quantity-text.js';
import { CurrentActor, Roles, tenantOf, type Actor } from '../platform/actor.js';
import { isId } from '../platform/ids.js';
import { mapPage, pageOf, pageQuery, pageSchema, readIdCursor, type PageQuery } from '../platform/page.js';
import { refuse } from '../platform/problem.js';
import { Route } from '../platform/route.js';
import { DeriveLine } from './derive-line.js';
import { derivationSchema, invoiceDetailSchema, invoiceSchema } from './invoice.dto.js';
import { InvoiceStore, type InvoiceRow } from './invoice.store.js';

const params = z.object({
  id: z.string().refine((id) => isId('inv', id), 'must be an invoice id (inv_...)'),
});
const lineParams = z.object({
  id: z.string().refine((id) => isId('inl', id), 'must be an invoice line id (inl_...)'),
});

@Controller()
@Roles()
export class InvoicesController {
  constructor(
    private readonly invoices: InvoiceStore,
    private readonly names: ResourceNamesStore,
    private readonly deriveLine: DeriveLine,
  ) {}

  @Get('invoices')
  @Route({
    summary: 'Invoices of the tenant, newest first',
    operationId: 'listInvoices',
    tag: 'Billing',
    query: pageQuery,
    responses: { 200: pageSchema(invoiceSchema) },
    problems: ['invalid_cursor'],
  })
  async list(@Query() { limit, cursor }: PageQuery, @CurrentActor() actor: Actor) {
    const rows = await this.invoices.list(tenantOf(actor), readIdCursor(cursor), limit + 1);
    return mapPage(
      pageOf(rows, limit, (row) => [row.id]),
      summaryWire,
    );
  }

  @Get('invoices/:id.json')
  @Route({
    summary: 'The frozen invoice document, byte for byte what its hash is of',
    operationId: 'getInvoiceDocument',
    tag: 'Billing',
    params,
    responses: { 200: { content: 'application/json', description: 'Canonical JSON.' } },
    problems: ['not_found'],
  })
  async json(@Param('id') id: string, @CurrentActor() actor: Actor, @Res() reply: FastifyReply) {
    const invoice = await this.find(actor, id);
    return reply
      .type('application/json; charset=utf-8')
      .header('Content-Disposition', `attachment; filename="${invoice.number}.json"`)
      .send(invoice.contentText);
  }

  @Get('invoices/:id.csv')
  @Route({
    summary: 'The lines of an invoice as CSV',
    operationId: 'getInvoiceCsv',
    tag: 'Billing',
    params,
    responses: { 200: { content: 'text/csv', description: 'RFC 4180.' } },
    problems: ['not_found'],
  })
  async csv(@Param('id') id: string, @CurrentActor() actor: Actor, @Res() reply: FastifyReply) {
    const invoice = await this.find(actor, id);
    return reply
      .type('text/csv; charset=utf-8')
      .header('Content-Disposition', `attachment; filename="${invoice.number}.csv"`)
      .send(invoiceCsv(invoice.content));
  }

  @Get('invoices/:id')
  @Route({
    summary: 'One invoice with its lines',
    operationId: 'getInvoice',
    tag: 'Billing',
    params,
    responses: { 200: invoiceDetailSchema },
    problems: ['not_found'],
  })
  async get(@Param('id') id: string, @CurrentActor() actor: Actor) {
    const invoice = await this.find(actor, id);
    const names = await this.names.of(invoice.tenantId);
    return {
      ...summaryWire(invoice),
      lines: invoice.content.lines.map((line, position) => {
        const { derivation } = line;
        const known = names.get(line.resource_id);
        return {
          id: invoice.content.line_ids[position]!,
          resource: {
            type: known?.type ?? ('tenant' as const),
            id: line.resource_id,
            name: known?.name ?? line.resource_id,
          },
          item: line.item,
          description: line.description,
          quantity: derivation?.quantity ?? null,
          unit: derivation?.unit ?? null,
          quantity_text: derivation ? quantityText(BigInt(derivation.quantity), derivation.unit) : null,
          price: derivation && {
            amount: picoWire(BigInt(derivation.amount_pico), invoice.currency),
            per_text: perText(BigInt(derivation.per_quantity), derivation.unit),
          },
          amount: { amount: line.amount, currency: invoice.currency },
        };
      }),
    };
  }

  @Get('invoice-lines/:id/derivation')
  @Route({
    summary: 'How a line of an invoice follows from meter readings',
    operationId: 'getLineDerivation',
    tag: 'Billing',
    params: lineParams,
    responses: { 200: derivationSchema },
    problems: ['not_found'],
  })
  async derivation(@Param('id') id: string, @CurrentActor() actor: Actor) {
    const found = await this.invoices.findLine(tenantOf(actor), id);
    const derivation = found && (await this.deriveLine.derive(found.invoice, found.position));
    if (!derivation) throw refuse('not_found', `There is no usage line ${id}.`);
    return derivation;
  }

  private async find(actor: Actor, id: string): Promise<InvoiceRow> {
    const invoice = await this.invoices.find(tenantOf(actor), id);
    if (!invoice) throw refuse('not_found', `There is no invoice ${id}.`);
    return invoice;
  }
}

function summaryWire(invoice: InvoiceRow): z.infer<typeof invoiceSchema> {
  const { currency } = invoice;
  return {
    id: invoice.id,
    number: invoice.number,
    status: 'issued',
    period: { start: instantWire(invoice.periodStartNs), end: instantWire(invoice.periodEndNs) },
    issued_at: invoice.issuedAt.toISOString(),
    currency,
    net: minorWire(invoice.netMinor, currency),
    tax: minorWire(invoice.taxMinor, currency),
    total: minorWire(invoice.totalMinor, currency),
    content_hash: invoice.contentHash,
  };
}
