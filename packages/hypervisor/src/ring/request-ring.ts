import type { RingBack, RingFront } from '../abi/ring.js';

/**
 * Design: a ring of `size` slots with free-running indices; a slot is free again once its answer has been taken.
 * Both sides hold it, so its state is private at run time and no side can put another method in its place.
 * Invariant: requests taken >= responses produced >= responses taken, and produced - taken responses <= size.
 */
export class RequestRing<Request, Response>
  implements RingFront<Request, Response>, RingBack<Request, Response>
{
  static {
    Object.freeze(this.prototype);
  }

  readonly #requestSlots: (Request | undefined)[];
  readonly #responseSlots: (Response | undefined)[];
  #requestProduced = 0;
  #requestTaken = 0;
  #responseProduced = 0;
  #responseTaken = 0;

  constructor(readonly size: number) {
    this.#requestSlots = new Array<Request | undefined>(size).fill(undefined);
    this.#responseSlots = new Array<Response | undefined>(size).fill(undefined);
    Object.freeze(this);
  }

  get free(): number {
    return this.size - (this.#requestProduced - this.#responseTaken);
  }

  get requests(): number {
    return this.#requestProduced - this.#requestTaken;
  }

  request(request: Request): boolean {
    if (this.free <= 0) return false;
    this.#requestSlots[this.#requestProduced % this.size] = request;
    this.#requestProduced += 1;
    return true;
  }

  peekRequest(): Request | undefined {
    return this.requests === 0 ? undefined : this.#requestSlots[this.#requestTaken % this.size];
  }

  takeRequest(): Request | undefined {
    if (this.requests === 0) return undefined;
    const slot = this.#requestTaken % this.size;
    const request = this.#requestSlots[slot];
    this.#requestSlots[slot] = undefined;
    this.#requestTaken += 1;
    return request;
  }

  respond(response: Response): void {
    this.#responseSlots[this.#responseProduced % this.size] = response;
    this.#responseProduced += 1;
  }

  takeResponse(): Response | undefined {
    if (this.#responseProduced === this.#responseTaken) return undefined;
    const slot = this.#responseTaken % this.size;
    const response = this.#responseSlots[slot];
    this.#responseSlots[slot] = undefined;
    this.#responseTaken += 1;
    return response;
  }
}
