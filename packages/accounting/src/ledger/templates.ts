import type { Result } from '../base/error.js';
import type { LedgerAccount, LedgerTransaction } from './transaction.js';
import { ledgerTransaction } from './transaction.js';

/** The templates of D2: every posting of the product is made here, so the chart is used one way only. */
interface Posting {
  readonly cause: string;
  readonly tenantId: string;
  readonly currency: string;
  readonly effectiveNs: bigint;
}

type Side = readonly [account: LedgerAccount, amountPico: bigint];

/** Usage so far as revenue not billed yet: the delta to the rated total, which a re-rating may make negative. */
export function accrueUsage(
  posting: Posting & { readonly accruedBeforePico: bigint; readonly ratedPico: bigint },
): Result<LedgerTransaction> {
  const deltaPico = posting.ratedPico - posting.accruedBeforePico;
  return post(posting, 'usage accrued', [
    ['unbilled', deltaPico],
    ['revenue', -deltaPico],
  ]);
}

/** An invoice leaves: the receivable replaces what was unbilled; the difference of the one rounding has its account. */
export function issueInvoice(
  posting: Posting & { readonly netPico: bigint; readonly taxPico: bigint; readonly accruedPico: bigint },
): Result<LedgerTransaction> {
  return post(posting, 'invoice issued', [
    ['receivable', posting.netPico + posting.taxPico],
    ['unbilled', -posting.accruedPico],
    ['tax', -posting.taxPico],
    ['rounding', posting.accruedPico - posting.netPico],
  ]);
}

/** A payment for invoices. */
export function receivePayment(
  posting: Posting & { readonly amountPico: bigint },
): Result<LedgerTransaction> {
  return post(posting, 'payment received', [
    ['cash', posting.amountPico],
    ['receivable', -posting.amountPico],
  ]);
}

/** Money paid in advance. */
export function topUpWallet(posting: Posting & { readonly amountPico: bigint }): Result<LedgerTransaction> {
  return post(posting, 'wallet topped up', [
    ['cash', posting.amountPico],
    ['wallet', -posting.amountPico],
  ]);
}

/** Wallet money pays a receivable. */
export function applyWallet(posting: Posting & { readonly amountPico: bigint }): Result<LedgerTransaction> {
  return post(posting, 'wallet applied', [
    ['wallet', posting.amountPico],
    ['receivable', -posting.amountPico],
  ]);
}

function post(posting: Posting, description: string, sides: readonly Side[]): Result<LedgerTransaction> {
  const { cause, tenantId, currency, effectiveNs } = posting;
  const entries = sides.map(([account, amountPico]) => ({ account, tenantId, currency, amountPico }));
  return ledgerTransaction({ cause, description, effectiveNs, entries });
}
