/**
 * A quota is a ceiling on things held (C1). The check is pure; the claim is the stores' single statement.
 * Invariant: the answer names every breached quota, not only the first.
 */
export interface QuotaQuestion {
  readonly name: string;
  readonly unit: string;
  /** Null for no ceiling. */
  readonly limit: bigint | null;
  /** Held by what exists. */
  readonly used: bigint;
  /** Claimed by creations under way. */
  readonly reserved: bigint;
  readonly requested: bigint;
}

export interface QuotaBreach extends QuotaQuestion {
  readonly limit: bigint;
  readonly shortBy: bigint;
}

export type QuotaAnswer =
  { readonly ok: true } | { readonly ok: false; readonly breaches: readonly QuotaBreach[] };

/** A request of nothing always fits, also above a lowered limit: lowering never kills. */
export function checkQuotas(questions: readonly QuotaQuestion[]): QuotaAnswer {
  const breaches: QuotaBreach[] = [];
  for (const question of questions) {
    const { limit, requested } = question;
    if (limit === null || requested <= 0n) continue;
    const wanted = question.used + question.reserved + requested;
    if (wanted > limit) breaches.push({ ...question, limit, shortBy: wanted - limit });
  }
  return breaches.length === 0 ? { ok: true } : { ok: false, breaches };
}
