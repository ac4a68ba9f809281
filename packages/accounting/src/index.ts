// The front door: everything other packages may use. Grouped by floor, lowest first.
export * from './base/error.js';
export { AccountingBug } from './base/assert.js';
export * from './base/ratio.js';
export { currencyCodes, currencyExponent } from './base/currency.js';
export * from './base/money.js';
export { allocateByLargestRemainder, roundHalfEven } from './base/rounding.js';
export * from './base/period.js';
export { civilFromNs, formatInstant, parseInstant } from './base/instant.js';
export * from './base/month.js';

export * from './catalog/power-state.js';
export * from './catalog/meter.js';
export * from './catalog/plan.js';
export * from './catalog/plan-codec.js';

export * from './usage/reading.js';
export * from './usage/ingest.js';
export * from './usage/usage-record.js';

export type { Assignment } from './rating/assignment.js';
export * from './rating/total-usage.js';
export * from './rating/charge-line.js';
export * from './rating/rate.js';
export * from './rating/payable.js';
export { landingReservePico, slopePico } from './rating/landing-reserve.js';
export type { LandingHoldings } from './rating/landing-reserve.js';

export * from './bill/running-bill.js';
export * from './bill/burn-rate.js';
export * from './bill/estimate.js';

export * from './lease/lease-draw.js';
export * from './lease/lease-items.js';
export * from './lease/invariant-one.js';
export * from './lease/authorise.js';
export * from './lease/lease-series.js';

export * from './quota/check-quotas.js';
export * from './budget/evaluate-budget.js';

export * from './ledger/transaction.js';
export * from './ledger/templates.js';

export * from './invoice/canonical-json.js';
export * from './invoice/draft-invoice.js';
export * from './invoice/invoice-csv.js';
