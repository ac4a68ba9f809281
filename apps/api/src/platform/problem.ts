/**
 * Every refusal of the API, once: its status, its title, and whether the same request may succeed later as it is.
 * A refusal is an answer to the caller (4xx); a bug is never in this table but `internal_error`.
 */
const table = {
  // What was sent cannot be read.
  malformed_json: { status: 400, title: 'The body is not valid JSON', retryable: false },
  invalid_cursor: { status: 400, title: 'The cursor was not given by this API', retryable: false },
  idempotency_key_required: {
    status: 400,
    title: 'This request needs an Idempotency-Key header',
    retryable: false,
  },
  invalid_idempotency_key: { status: 400, title: 'The Idempotency-Key cannot be used', retryable: false },
  tenant_required: { status: 400, title: 'Name the tenant in the X-Tenant header', retryable: false },
  bad_request: { status: 400, title: 'The request cannot be understood', retryable: false },
  // Who asks.
  unauthenticated: { status: 401, title: 'Sign in or send an API key', retryable: false },
  invalid_credentials: { status: 401, title: 'E-mail or password is wrong', retryable: false },
  forbidden: { status: 403, title: 'Not allowed for this role', retryable: false },
  csrf_token_invalid: { status: 403, title: 'The X-CSRF-Token header is missing or wrong', retryable: false },
  tenant_suspended: { status: 403, title: 'The tenant is suspended', retryable: false },
  // What it is about.
  not_found: { status: 404, title: 'Not found', retryable: false },
  method_not_allowed: { status: 405, title: 'This method is not allowed here', retryable: false },
  not_acceptable: { status: 406, title: 'No representation fits the Accept header', retryable: false },
  // What state it is in.
  conflict: { status: 409, title: 'The present state does not allow this', retryable: false },
  idempotency_in_flight: {
    status: 409,
    title: 'A request with this Idempotency-Key is still running',
    retryable: true,
  },
  limit_exceeded: { status: 409, title: 'A limit would be exceeded', retryable: false },
  no_capacity: { status: 409, title: 'No host has room for this', retryable: true },
  budget_exhausted: { status: 409, title: 'The budget of this period is used up', retryable: false },
  action_not_allowed: { status: 409, title: 'The state does not allow this action', retryable: false },
  operation_in_progress: { status: 409, title: 'Another operation is running on it', retryable: true },
  not_cancellable: { status: 409, title: 'The operation can no longer be cancelled', retryable: false },
  reading_conflict: { status: 409, title: 'Another reading has this sequence number', retryable: false },
  period_not_over: { status: 409, title: 'The period has not ended', retryable: true },
  already_exists: { status: 409, title: 'It exists already', retryable: false },
  precondition_failed: { status: 412, title: 'It has changed since it was read', retryable: false },
  payload_too_large: { status: 413, title: 'The body is too large', retryable: false },
  uri_too_long: { status: 414, title: 'The address is too long', retryable: false },
  unsupported_media_type: { status: 415, title: 'The body must be application/json', retryable: false },
  invalid_request: { status: 422, title: 'The request does not fit its schema', retryable: false },
  idempotency_key_reused: {
    status: 422,
    title: 'This Idempotency-Key was used for another request',
    retryable: false,
  },
  headers_too_large: { status: 431, title: 'The headers are too large', retryable: false },
  precondition_required: { status: 428, title: 'Send the ETag you read in If-Match', retryable: false },
  rate_limited: { status: 429, title: 'Too many requests', retryable: true },
  // What failed on this side.
  internal_error: { status: 500, title: 'Something failed on our side', retryable: true },
  unavailable: { status: 503, title: 'Not available at present', retryable: true },
} as const satisfies Record<string, { status: number; title: string; retryable: boolean }>;

export type ProblemCode = keyof typeof table;

export const problemTable: Readonly<
  Record<ProblemCode, { status: number; title: string; retryable: boolean }>
> = table;

export interface FieldError {
  /** JSON pointer into the body, or `/query/limit`, `/params/id`. */
  pointer: string;
  code: string;
  /** Names the field, the limit and the value. */
  detail: string;
}

export interface ProblemExtra {
  errors?: FieldError[];
  [member: string]: unknown;
}

/** What goes over the wire as application/problem+json (RFC 9457). */
export interface Problem extends ProblemExtra {
  type: string;
  title: string;
  status: number;
  detail?: string;
  code: ProblemCode;
  request_id: string;
  retryable: boolean;
}

/** An answer to the caller that is not what was asked for. Throwing it rolls the unit of work back. */
export class Refusal extends Error {
  readonly status: number;

  constructor(
    readonly code: ProblemCode,
    readonly detail?: string,
    readonly extra: ProblemExtra = {},
    /** Headers that belong to the answer, such as Retry-After. */
    readonly headers: Record<string, string> = {},
  ) {
    super(detail ?? table[code].title);
    this.name = 'Refusal';
    this.status = table[code].status;
  }

  toProblem(requestId: string): Problem {
    const { status, title, retryable } = table[this.code];
    const detail = this.detail === undefined ? {} : { detail: this.detail };
    const type = `https://xenorack.dev/problems/${this.code.replaceAll('_', '-')}`;
    return {
      ...this.extra,
      type,
      title,
      status,
      ...detail,
      code: this.code,
      request_id: requestId,
      retryable,
    };
  }
}

/** `throw refuse('limit_exceeded', 'At most 10 domains', { limits: [...] })` */
export function refuse(
  code: ProblemCode,
  detail?: string,
  extra?: ProblemExtra,
  headers?: Record<string, string>,
): Refusal {
  return new Refusal(code, detail, extra, headers);
}
