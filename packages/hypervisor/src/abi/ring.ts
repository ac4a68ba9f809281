/**
 * The frontend's end of a ring of objects shared with a backend. Indices are free-running; the ring holds at most `size`
 * requests whose answers have not been taken.
 */
export interface RingFront<Request, Response> {
  readonly free: number;
  /** False when the ring is full. */
  request(request: Request): boolean;
  takeResponse(): Response | undefined;
}

/** The backend's end. What it takes was written by a guest. */
export interface RingBack<Request, Response> {
  readonly requests: number;
  peekRequest(): Request | undefined;
  takeRequest(): Request | undefined;
  respond(response: Response): void;
}
