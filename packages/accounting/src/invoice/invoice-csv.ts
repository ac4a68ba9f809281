import type { InvoiceContent } from './draft-invoice.js';

const COLUMNS = [
  'line_id',
  'resource_id',
  'item',
  'description',
  'meter',
  'unit',
  'quantity',
  'included_quantity',
  'billable_quantity',
  'price_pico',
  'per_quantity',
  'charge_pico',
  'tax_group',
  'amount',
  'currency',
] as const;

/** The lines, then net, tax and total, as RFC 4180 (CRLF). The amounts of the lines add up to net. */
export function invoiceCsv(content: InvoiceContent): string {
  const rows: string[][] = [[...COLUMNS]];
  for (const line of content.lines) {
    const derivation = line.derivation;
    rows.push([
      line.line_id,
      line.resource_id,
      line.item,
      line.description,
      derivation?.meter ?? '',
      derivation?.unit ?? '',
      derivation?.quantity ?? '',
      derivation?.included_quantity ?? '',
      derivation?.billable_quantity ?? '',
      derivation?.amount_pico ?? '',
      derivation?.per_quantity ?? '',
      line.charge_pico,
      line.tax_group,
      line.amount,
      content.currency,
    ]);
  }
  for (const sum of ['net', 'tax', 'total'] as const) {
    const blank = COLUMNS.slice(1, -2).map(() => '');
    rows.push([sum, ...blank, content[sum], content.currency]);
  }
  return rows.map((row) => `${row.map(csvField).join(',')}\r\n`).join('');
}

/** Quoted where RFC 4180 asks; text a spreadsheet would run as a formula is made text by a leading apostrophe. */
function csvField(text: string): string {
  const inert = /^[=+@\t\r]|^-(?!\d)/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}
