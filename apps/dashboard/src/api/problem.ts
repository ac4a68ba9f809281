/** One field the API refused, by JSON pointer. */
export interface FieldProblem {
  readonly pointer: string;
  readonly code: string;
  readonly detail: string;
}

/** One limit a request would breach; quantities are integer texts in `unit`. */
export interface LimitExcess {
  readonly name: string;
  readonly unit: string;
  readonly limit: string;
  readonly used: string;
  readonly reserved: string;
  readonly requested: string;
  readonly short_by: string;
}

interface ProblemDocument {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail?: string;
  readonly request_id?: string;
  readonly retryable?: boolean;
  readonly errors?: readonly FieldProblem[];
  readonly limits?: readonly LimitExcess[];
}

/** A refusal of the API (RFC 9457) or the network's own failure, with the request id to quote. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly requestId: string | null;
  readonly retryable: boolean;
  readonly errors: readonly FieldProblem[];
  readonly limits: readonly LimitExcess[];

  constructor(problem: ProblemDocument) {
    super(problem.detail ?? problem.title);
    this.status = problem.status;
    this.code = problem.code;
    this.title = problem.title;
    this.detail = problem.detail ?? '';
    this.requestId = problem.request_id ?? null;
    this.retryable = problem.retryable ?? problem.status >= 500;
    this.errors = problem.errors ?? [];
    this.limits = problem.limits ?? [];
  }

  /** The refusal of one field, by the last part of its pointer ("/name" or "/amount/amount"). */
  fieldDetail(field: string): string | undefined {
    return this.errors.find((error) => error.pointer.split('/').includes(field))?.detail;
  }
}

/** Builds the problem from whatever body an unsuccessful answer carried. */
export function problemFrom(body: unknown, response: Response): ApiProblem {
  if (typeof body === 'object' && body !== null && 'code' in body && typeof body.code === 'string') {
    return new ApiProblem({ ...(body as ProblemDocument), status: response.status });
  }
  return new ApiProblem({
    status: response.status,
    code: 'unexpected_answer',
    title: `The API answered ${response.status}`,
    detail: 'The answer was not a problem document.',
    request_id: response.headers.get('x-request-id') ?? undefined,
  });
}

/** The network's own failure: nothing answered. */
export function unreachableProblem(): ApiProblem {
  return new ApiProblem({
    status: 0,
    code: 'network',
    title: 'No connection',
    detail: 'The request did not reach the server. Check the connection and try again.',
    retryable: true,
  });
}
