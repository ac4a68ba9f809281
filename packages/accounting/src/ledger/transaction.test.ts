import { describe, expect, test } from '@jest/globals';
import { prng, testSeed } from '../base/prng.fixture.js';
import { accrueUsage, applyWallet, issueInvoice, receivePayment, topUpWallet } from './templates.js';
import { balanceOf, ledgerBalances, ledgerTransaction } from './transaction.js';
import type { LedgerEntry } from './transaction.js';

const SEED = testSeed(process.env['XENORACK_TEST_SEED'], 91n);
const posting = { cause: 'c', tenantId: 't', currency: 'EUR', effectiveNs: 0n };
const entry = (account: LedgerEntry['account'], amountPico: bigint, currency = 'EUR'): LedgerEntry => ({
  account,
  tenantId: 't',
  currency,
  amountPico,
});
const book = (entries: readonly LedgerEntry[]) =>
  ledgerTransaction({ cause: 'c', description: 'd', effectiveNs: 0n, entries });

describe('ledger', () => {
  test('D1: a transaction balances in each currency by itself', () => {
    expect(book([entry('cash', 5n), entry('wallet', -5n)]).ok).toBe(true);
    const mixed = book([entry('cash', 5n), entry('wallet', -5n, 'USD')]);
    expect(mixed.ok ? 'posted' : mixed.error.code).toBe('ledger_unbalanced');
    const short = book([entry('cash', 5n), entry('wallet', -4n)]);
    expect(short.ok ? {} : short.error.attributes).toEqual({ cause: 'c', currency: 'EUR', sumPico: '1' });
  });

  test('D1: entries of zero are dropped; unknown accounts, unknown currencies and amounts too wide are refused', () => {
    const empty = book([entry('cash', 0n)]);
    expect(empty.ok && empty.value.entries).toEqual([]);
    const wide = 10n ** 38n;
    for (const bad of [
      entry('slush' as 'cash', 1n),
      entry('toString' as 'cash', 1n),
      entry('cash', 1n, 'XXX'),
      entry('cash', wide),
    ]) {
      const result = book([bad, { ...bad, amountPico: -bad.amountPico }]);
      expect(result.ok ? 'posted' : result.error.code).toBe('ledger_entry_invalid');
    }
  });

  test('D2: a re-rating below what was accrued takes the difference back', () => {
    const less = accrueUsage({ ...posting, accruedBeforePico: 10n, ratedPico: 7n });
    expect(less.ok && less.value.entries.map((each) => [each.account, each.amountPico])).toEqual([
      ['unbilled', -3n],
      ['revenue', 3n],
    ]);
  });

  test(`D1: whatever is posted through the templates, all balances add up to zero (seed ${SEED})`, () => {
    const random = prng(SEED);
    const amount = () => random.below(10n ** 20n);
    const books = Array.from({ length: 500 }, () => {
      const made = random.pick([
        () => accrueUsage({ ...posting, accruedBeforePico: amount(), ratedPico: amount() }),
        () => issueInvoice({ ...posting, netPico: amount(), taxPico: amount(), accruedPico: amount() }),
        () => receivePayment({ ...posting, amountPico: amount() }),
        () => topUpWallet({ ...posting, amountPico: amount() }),
        () => applyWallet({ ...posting, amountPico: amount() }),
      ])();
      if (!made.ok) throw new Error(made.error.message);
      return made.value;
    });
    const balances = ledgerBalances(books);
    expect(balances.reduce((sum, each) => sum + each.amountPico, 0n)).toBe(0n);
    for (const each of balances) expect(balanceOf(books, each.account, 't', 'EUR')).toBe(each.amountPico);
  });
});
