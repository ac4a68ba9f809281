import type { Result } from '../base/error.js';
import { fail, ok } from '../base/error.js';
import { formatInstant } from '../base/instant.js';
import { formatMinor } from '../base/money.js';
import type { Ratio } from '../base/ratio.js';
import { floorRatio, normaliseRatio } from '../base/ratio.js';
import type { Payable, TaxGroup } from '../rating/payable.js';
import { payable } from '../rating/payable.js';
import type { ChargeLine, RatedPeriod, UsageLine } from '../rating/charge-line.js';
import { telescope } from '../usage/usage-record.js';

/**
 * Design: an invoice is content, frozen when issued: everything a reader needs to recompute each line down to cuts,
 * as decimal text. It is made by the same `payable` as the running bill, so the last live figure is the invoice (B5).
 * Touching records are joined in a derivation: usage telescopes, so a span between two cuts says the same as its parts.
 * Units: as named in each field; `_pico` is 10^-12 of the currency unit, `_minor` the currency's minor unit.
 */
export interface DraftInvoiceInput {
  readonly invoiceId: string;
  readonly issuerId: string;
  readonly tenantId: string;
  readonly periodLabel: string;
  readonly zone: string;
  readonly rated: RatedPeriod;
  readonly taxGroups: readonly TaxGroup[];
}

export type InvoiceContent = ReturnType<typeof contentOf>;
export type InvoiceLineContent = ReturnType<typeof lineContent>;

export interface DraftInvoice {
  readonly content: InvoiceContent;
  readonly payable: Payable;
  /** Exact charges rounded down to a pico: what the ledger accrued. */
  readonly accruedPico: bigint;
}

/** Errors: tax_group_missing, usage_invalid (a line still rests on a provisional record). */
export function draftInvoice(input: DraftInvoiceInput): Result<DraftInvoice> {
  const provisional = input.rated.lines.find((line) => line.kind === 'usage' && line.provisional);
  if (provisional !== undefined) {
    const { lineId } = provisional;
    return fail('usage_invalid', `line ${lineId} still rests on a reading that is no cut`, { lineId });
  }
  const owed = payable({
    currency: input.rated.currency,
    lines: input.rated.lines,
    taxGroups: input.taxGroups,
  });
  if (!owed.ok) return owed;
  const accruedPico = floorRatio(input.rated.totalPico);
  return ok({ content: contentOf(input, owed.value), payable: owed.value, accruedPico });
}

function contentOf(input: DraftInvoiceInput, owed: Payable) {
  const { rated } = input;
  const { currency } = rated;
  return {
    schema: 'invoice.v1',
    engine: rated.engine,
    invoice_id: input.invoiceId,
    issuer_id: input.issuerId,
    tenant_id: input.tenantId,
    currency,
    period: {
      label: input.periodLabel,
      zone: input.zone,
      from: formatInstant(rated.period.fromNs),
      to: formatInstant(rated.period.toNs),
    },
    lines: rated.lines.map((line) => lineContent(line, owed)),
    tax_groups: owed.groups.map((group) => ({
      tax_group_id: group.taxGroupId,
      name: group.name,
      rate_ppm: group.ratePpm.toString(),
      net: formatMinor(group.netMinor, currency),
      tax: formatMinor(group.taxMinor, currency),
      rounding_pico: ratioText(group.roundingPico),
    })),
    exact_pico: ratioText(rated.totalPico),
    net: formatMinor(owed.netMinor, currency),
    tax: formatMinor(owed.taxMinor, currency),
    total: formatMinor(owed.totalMinor, currency),
    total_minor: owed.totalMinor.toString(),
  };
}

function lineContent(line: ChargeLine, owed: Payable) {
  const amountMinor = owed.netMinorByLine.get(line.lineId) ?? 0n;
  return {
    line_id: line.lineId,
    kind: line.kind,
    resource_id: line.resourceId,
    item: line.item,
    description: line.description,
    tax_group: line.taxGroup,
    charge_pico: ratioText(line.chargePico),
    amount: formatMinor(amountMinor, owed.currency),
    amount_minor: amountMinor.toString(),
    derivation: line.kind === 'usage' ? usageDerivation(line) : null,
  };
}

/** How the charge of a usage line follows from cuts; also what the API serves for a live line. */
export function usageDerivation(line: UsageLine) {
  return {
    plan_version_id: line.planVersionId,
    meter: line.meter,
    unit: line.unit,
    quantity: line.quantity.toString(),
    included_quantity: line.includedQuantity.toString(),
    billable_quantity: line.billableQuantity.toString(),
    amount_pico: line.amountPico.toString(),
    per_quantity: line.perQuantity.toString(),
    gross_pico: ratioText(line.grossPico),
    cap:
      line.cap === null
        ? null
        : {
            group: line.cap.group,
            scope_id: line.cap.capScopeId,
            cap_pico: line.cap.capPico.toString(),
            group_gross_pico: ratioText(line.cap.groupGrossPico),
            reached: line.cap.reached,
          },
    uncut: line.uncut,
    provisional: line.provisional,
    spans: telescope(line.sources).map((span) => ({
      incarnation_id: span.incarnationId,
      state: span.state,
      from: formatInstant(span.fromNs),
      to: formatInstant(span.toNs),
      from_seq: span.fromSeq.toString(),
      to_seq: span.toSeq.toString(),
      quantity: span.quantity.toString(),
      uncut: span.uncut,
    })),
  };
}

/** '12' or '25/2': exact, in lowest terms. */
function ratioText(value: Ratio): string {
  const { num, den } = normaliseRatio(value);
  return den === 1n ? num.toString() : `${num}/${den}`;
}
