import { Injectable } from '@nestjs/common';
import { METER_VECTORS } from '@xenorack/accounting';
import type { z } from 'zod';
import { picoWire } from '../catalog/money.dto.js';
import { CutStore } from './cut.store.js';
import type { derivationSchema } from './invoice.dto.js';
import type { InvoiceRow } from './invoice.store.js';

/** Explains one line of an invoice down to the two cuts of every span, with the counters and hashes they stored. */
@Injectable()
export class DeriveLine {
  constructor(private readonly cuts: CutStore) {}

  /** Null for a line that is no usage. */
  async derive(invoice: InvoiceRow, position: number): Promise<z.infer<typeof derivationSchema> | null> {
    const { content, currency } = invoice;
    const line = content.lines[position]!;
    const { derivation } = line;
    if (!derivation) return null;
    const group = content.tax_groups.find((each) => each.tax_group_id === line.tax_group)!;
    const money = (amount: string) => ({ amount, currency });
    const keys = derivation.spans.flatMap((span) => [
      { incarnationId: span.incarnation_id, seq: BigInt(span.from_seq) },
      { incarnationId: span.incarnation_id, seq: BigInt(span.to_seq) },
    ]);
    const stored = await this.cuts.find(keys);
    const cut = (incarnationId: string, seq: string, at: string) => {
      const row = stored.get(`${incarnationId}#${seq}`);
      if (!row) throw new Error(`cut ${incarnationId}#${seq} of invoice ${invoice.id} is missing`);
      const place = METER_VECTORS[`${row.resourceKind}.v1`].meters.findIndex(
        (m) => m.name === derivation.meter,
      );
      return { seq, at, value: (row.values[place] ?? 0n).toString(), hash: row.hash };
    };
    return {
      line: { id: content.line_ids[position]!, description: line.description, amount: money(line.amount) },
      price: {
        amount: picoWire(BigInt(derivation.amount_pico), currency),
        per_quantity: derivation.per_quantity,
        version_id: derivation.plan_version_id,
      },
      quantity: {
        total: derivation.quantity,
        included: derivation.included_quantity,
        billable: derivation.billable_quantity,
        unit: derivation.unit,
        meter: derivation.meter,
      },
      exact: { gross_pico: derivation.gross_pico, charge_pico: line.charge_pico },
      cap: derivation.cap && {
        limit: picoWire(BigInt(derivation.cap.cap_pico), currency),
        group_gross_pico: derivation.cap.group_gross_pico,
        reached: derivation.cap.reached,
      },
      rounding: {
        net_exact_pico: content.exact_pico,
        net_rounded: money(group.net),
        difference_pico: group.rounding_pico,
        allocated: money(line.amount),
      },
      records: derivation.spans.map((span) => ({
        incarnation: span.incarnation_id,
        state: span.state,
        from: cut(span.incarnation_id, span.from_seq, span.from),
        to: cut(span.incarnation_id, span.to_seq, span.to),
        quantity: span.quantity,
        uncut: span.uncut,
      })),
    };
  }
}
