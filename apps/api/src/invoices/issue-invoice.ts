/**
 * Issues the invoice of a closed period: last accrual, draft, number, freeze and posting in one transaction, keyed by
 * tenant and period, so that doing it twice changes nothing.
 */
import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import {
  accrueUsage,
  canonicalJson,
  draftInvoice,
  issueInvoice,
  minorToPico,
  type JsonValue,
} from '@xenorack/accounting';
import { must, taxGroupsOf, type RatedTenant } from '../billing/rate-tenant.js';
import { TermsStore } from '../billing/terms.store.js';
import { exactInstantWire } from '../catalog/instant.dto.js';
import { minorWire } from '../catalog/money.dto.js';
import { PostTransaction } from '../ledger/post-transaction.js';
import { LedgerStore } from '../ledger/ledger.store.js';
import { newId } from '../platform/ids.js';
import { Outbox } from '../platform/outbox.js';
import type { Tx } from '../platform/unit-of-work.js';
import { InvoiceStore } from './invoice.store.js';

@Injectable()
export class IssueInvoice {
  constructor(
    private readonly invoices: InvoiceStore,
    private readonly terms: TermsStore,
    private readonly ledger: LedgerStore,
    private readonly postTransaction: PostTransaction,
    private readonly outbox: Outbox,
  ) {}

  /** Answers the invoice's id, the old one when the period has one. `rated` keeps its sources and has no live tail. */
  async issue(tx: Tx, rated: RatedTenant): Promise<string> {
    const { tenant, month } = rated;
    const { tenantId, currency } = tenant;
    await this.terms.lock(tx, tenantId);
    const known = await this.invoices.ofPeriod(tenantId, month.period.fromNs, tx);
    if (known) return known;

    const id = newId('inv');
    const draft = must(
      draftInvoice({
        invoiceId: id,
        issuerId: tenant.issuerId,
        tenantId,
        periodLabel: month.label,
        zone: tenant.timeZone,
        rated: rated.rated,
        taxGroups: taxGroupsOf(tenant),
      }),
    );
    await this.accrue(tx, rated, draft.accruedPico, 'close');
    const number = await this.invoices.nextNumber(tx, tenant.issuerId);
    const lineIds = this.invoices.newLineIds(draft.content.lines.length);
    const content = { ...draft.content, number, issued_at: exactInstantWire(rated.nowNs), line_ids: lineIds };
    const contentText = canonicalJson(content as unknown as JsonValue);
    const { netMinor, taxMinor, totalMinor } = draft.payable;
    await this.invoices.insert(
      tx,
      {
        id,
        tenantId,
        issuerId: tenant.issuerId,
        number,
        periodStartNs: month.period.fromNs,
        periodEndNs: month.period.toNs,
        currency,
        netMinor,
        taxMinor,
        totalMinor,
        contentText,
        contentHash: createHash('sha256').update(contentText).digest('hex'),
        issuedAt: new Date(Number(rated.nowNs / 1_000_000n)),
      },
      lineIds,
    );
    const posting = { cause: `invoice:${id}:issue`, tenantId, currency, effectiveNs: month.period.toNs };
    await this.postTransaction.post(
      tx,
      issueInvoice({
        ...posting,
        netPico: minorToPico(netMinor, currency),
        taxPico: minorToPico(taxMinor, currency),
        accruedPico: draft.accruedPico,
      }),
    );
    await this.outbox.write(tx, {
      tenantId,
      type: 'invoice.issued',
      subject: { type: 'invoice', id },
      data: {
        number,
        period_start: exactInstantWire(month.period.fromNs),
        period_end: exactInstantWire(month.period.toNs),
        total: minorWire(totalMinor, currency),
      },
    });
    return id;
  }

  /** Posts what a period's usage has come to since the last accrual of it. `step` makes the cause unique. */
  async accrue(tx: Tx, rated: RatedTenant, ratedPico: bigint, step: string): Promise<void> {
    const { tenantId, currency } = rated.tenant;
    const prefix = `accrue:${tenantId}:${rated.month.label}:`;
    const accruedBeforePico = await this.ledger.accruedUnder(tx, tenantId, prefix);
    if (accruedBeforePico === ratedPico) return;
    const cause = `${prefix}${step}`;
    await this.postTransaction.post(
      tx,
      accrueUsage({ cause, tenantId, currency, effectiveNs: rated.nowNs, accruedBeforePico, ratedPico }),
    );
  }
}
