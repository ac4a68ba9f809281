import { Injectable } from '@nestjs/common';
import type { InvoiceContent } from '@xenorack/accounting';
import { Database } from '../platform/database.js';
import { newId } from '../platform/ids.js';
import type { Tx } from '../platform/unit-of-work.js';

/** What is frozen: the draft with its number and instant. */
export type IssuedContent = InvoiceContent & { number: string; issued_at: string; line_ids: string[] };

export interface InvoiceRow {
  id: string;
  tenantId: string;
  number: string;
  periodStartNs: bigint;
  periodEndNs: bigint;
  currency: string;
  netMinor: bigint;
  taxMinor: bigint;
  totalMinor: bigint;
  content: IssuedContent;
  /** Canonical JSON, byte for byte what contentHash is of. */
  contentText: string;
  contentHash: string;
  issuedAt: Date;
}

@Injectable()
export class InvoiceStore {
  constructor(private readonly database: Database) {}

  /** Takes the issuer's next number inside the issuing transaction, so numbers have no gaps. */
  async nextNumber(tx: Tx, issuerId: string): Promise<string> {
    const rows = await tx.$queryRaw<{ prefix: string; number: bigint }[]>`
      UPDATE issuer SET next_number = next_number + 1 WHERE id = ${issuerId} RETURNING prefix, next_number - 1 AS number`;
    const row = rows[0];
    if (!row) throw new Error(`there is no issuer ${issuerId}`);
    return `${row.prefix}${row.number.toString().padStart(6, '0')}`;
  }

  async insert(
    tx: Tx,
    invoice: Omit<InvoiceRow, 'content'> & { issuerId: string },
    lineIds: string[],
  ): Promise<void> {
    const { netMinor, taxMinor, totalMinor, contentHash, contentText, ...columns } = invoice;
    await tx.invoice.create({
      data: {
        ...columns,
        netMinor: netMinor.toString(),
        taxMinor: taxMinor.toString(),
        totalMinor: totalMinor.toString(),
        content: contentText,
        contentHash: new Uint8Array(Buffer.from(contentHash, 'hex')),
      },
    });
    await tx.invoiceLine.createMany({
      data: lineIds.map((id, position) => ({ id, invoiceId: invoice.id, position })),
    });
  }

  newLineIds(count: number): string[] {
    return Array.from({ length: count }, () => newId('inl'));
  }

  async ofPeriod(tenantId: string, periodStartNs: bigint, tx?: Tx): Promise<string | null> {
    const row = await (tx ?? this.database.prisma).invoice.findFirst({
      where: { tenantId, periodStartNs },
      select: { id: true },
    });
    return row?.id ?? null;
  }

  async find(tenantId: string, id: string): Promise<InvoiceRow | null> {
    const row = await this.database.prisma.invoice.findFirst({ where: { tenantId, id } });
    return row ? toRow(row) : null;
  }

  /** Newest first. */
  async list(tenantId: string, beforeId: string | undefined, take: number): Promise<InvoiceRow[]> {
    const rows = await this.database.prisma.invoice.findMany({
      where: { tenantId, ...(beforeId === undefined ? {} : { id: { lt: beforeId } }) },
      orderBy: { id: 'desc' },
      take,
    });
    return rows.map(toRow);
  }

  /** The invoice of a line of a tenant, and the line's place in it. */
  async findLine(
    tenantId: string,
    lineId: string,
  ): Promise<{ invoice: InvoiceRow; position: number } | null> {
    const line = await this.database.prisma.invoiceLine.findUnique({ where: { id: lineId } });
    const invoice = line && (await this.find(tenantId, line.invoiceId));
    return invoice ? { invoice, position: line.position } : null;
  }
}

type Stored = NonNullable<Awaited<ReturnType<Database['prisma']['invoice']['findFirst']>>>;

function toRow(row: Stored): InvoiceRow {
  return {
    id: row.id,
    tenantId: row.tenantId,
    number: row.number,
    periodStartNs: row.periodStartNs,
    periodEndNs: row.periodEndNs,
    currency: row.currency,
    netMinor: BigInt(row.netMinor.toFixed(0)),
    taxMinor: BigInt(row.taxMinor.toFixed(0)),
    totalMinor: BigInt(row.totalMinor.toFixed(0)),
    content: JSON.parse(row.content) as IssuedContent,
    contentText: row.content,
    contentHash: Buffer.from(row.contentHash).toString('hex'),
    issuedAt: row.issuedAt,
  };
}
