/** Answers the caller must look at. Bugs throw (see assert.ts); answers are values of this closed list. */
export type AccountingErrorCode =
  | 'field_invalid'
  | 'plan_invalid'
  | 'currency_unknown'
  | 'currency_mismatch'
  | 'assignment_overlap'
  | 'plan_version_missing'
  | 'period_invalid'
  | 'cuts_invalid'
  | 'usage_invalid'
  | 'tax_group_missing'
  | 'ledger_unbalanced'
  | 'ledger_entry_invalid';

/** One bad field of an input: a JSON pointer, what the limit is and what was given. */
export interface FieldIssue {
  readonly pointer: string;
  readonly code: string;
  readonly detail: string;
  readonly limit?: string;
  readonly value?: string;
}

export interface AccountingError {
  readonly code: AccountingErrorCode;
  readonly message: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly issues: readonly FieldIssue[];
}

export type Result<T, E = AccountingError> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E };

export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

export function fail(
  code: AccountingErrorCode,
  message: string,
  attributes: Readonly<Record<string, string>> = {},
  issues: readonly FieldIssue[] = [],
): { readonly ok: false; readonly error: AccountingError } {
  return { ok: false, error: { code, message, attributes, issues } };
}
