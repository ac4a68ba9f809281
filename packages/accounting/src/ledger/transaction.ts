import type { Result } from '../base/error.js';
import { fail, ok } from '../base/error.js';
import { currencyExponent } from '../base/currency.js';
import { AMOUNT_PICO_MAX } from '../base/money.js';

/**
 * Design: double entry, append-only (D1). An entry's amount is signed: debit above 0, credit below 0, so a transaction
 * balances when its amounts add up to 0 per currency. The cause names what made it; the stores keep it unique, so the
 * same cause never posts twice.
 * Units: pico.
 */
export const LEDGER_ACCOUNTS = {
  cash: 'debit',
  receivable: 'debit',
  unbilled: 'debit',
  wallet: 'credit',
  deferred: 'credit',
  tax: 'credit',
  unapplied: 'credit',
  refunds_due: 'credit',
  revenue: 'credit',
  /** Contra to revenue. */
  promotion: 'debit',
  breakage: 'credit',
  bad_debt: 'debit',
  fees: 'debit',
  rounding: 'debit',
  fx_position: 'debit',
} as const;

/** The chart of D2; the value is the side on which a balance is normally found. */
export type LedgerAccount = keyof typeof LEDGER_ACCOUNTS;

export interface LedgerEntry {
  readonly account: LedgerAccount;
  readonly tenantId: string;
  readonly currency: string;
  /** Debit above 0, credit below 0; never 0. */
  readonly amountPico: bigint;
}

export interface LedgerTransaction {
  /** What made it, unique for ever: 'invoice:<id>:issue'. */
  readonly cause: string;
  readonly description: string;
  /** Economic time, ns UTC. */
  readonly effectiveNs: bigint;
  readonly entries: readonly LedgerEntry[];
}

/** Drops entries of 0 and checks the balance. Errors: ledger_unbalanced, ledger_entry_invalid. */
export function ledgerTransaction(transaction: LedgerTransaction): Result<LedgerTransaction> {
  const entries = transaction.entries.filter((entry) => entry.amountPico !== 0n);
  const sums = new Map<string, bigint>();
  for (const { account, currency, amountPico } of entries) {
    const size = amountPico < 0n ? -amountPico : amountPico;
    if (
      currencyExponent(currency) === undefined ||
      size > AMOUNT_PICO_MAX ||
      !Object.hasOwn(LEDGER_ACCOUNTS, account)
    ) {
      const attributes = { account, currency, amountPico: amountPico.toString() };
      return fail(
        'ledger_entry_invalid',
        `entry ${account} ${amountPico} ${currency} is not valid`,
        attributes,
      );
    }
    sums.set(currency, (sums.get(currency) ?? 0n) + amountPico);
  }
  for (const [currency, sum] of sums) {
    if (sum !== 0n) {
      const attributes = { cause: transaction.cause, currency, sumPico: sum.toString() };
      return fail(
        'ledger_unbalanced',
        `${transaction.cause}: ${currency} adds up to ${sum}, not 0`,
        attributes,
      );
    }
  }
  return ok({ ...transaction, entries });
}

/** Balance per (tenant, account, currency) as a fold over entries; debit above 0. */
export function ledgerBalances(
  transactions: Iterable<LedgerTransaction>,
): readonly (LedgerEntry & { readonly amountPico: bigint })[] {
  const balances = new Map<string, LedgerEntry>();
  for (const { entries } of transactions) {
    for (const entry of entries) {
      const key = JSON.stringify([entry.tenantId, entry.account, entry.currency]);
      const amountPico = (balances.get(key)?.amountPico ?? 0n) + entry.amountPico;
      balances.set(key, { ...entry, amountPico });
    }
  }
  return [...balances.entries()]
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, balance]) => balance);
}

/** Balance of one account of a tenant, in pico; debit above 0. */
export function balanceOf(
  transactions: Iterable<LedgerTransaction>,
  account: LedgerAccount,
  tenantId: string,
  currency: string,
): bigint {
  let balance = 0n;
  for (const { entries } of transactions) {
    for (const entry of entries) {
      const same = entry.account === account && entry.tenantId === tenantId && entry.currency === currency;
      if (same) balance += entry.amountPico;
    }
  }
  return balance;
}
