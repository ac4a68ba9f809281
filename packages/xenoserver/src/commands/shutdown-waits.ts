/**
 * Guests that were asked to end and have not done so yet.
 *
 * Design. A wait ends when the domain has ended, when its time is over, or when there is nothing to wait for any more
 * (the domain is held, somebody wants it destroyed, the host stops); who waited then looks for itself. Time is the
 * host's, so a host that stands still loses nothing; it is looked at after every turn.
 *
 * Invariants. At most one wait per domain (its commands are serial). Nothing waits on a host that stops.
 */
export class ShutdownWaits {
  private readonly waits = new Map<string, { deadlineNs: bigint; done: () => void }>();
  private closed = false;

  constructor(private readonly nowNs: () => bigint) {}

  /** Resolves when the wait for this domain is over. */
  wait(domainId: string, timeoutNs: bigint): Promise<void> {
    if (this.closed) return Promise.resolve();
    return new Promise((done) => this.waits.set(domainId, { deadlineNs: this.nowNs() + timeoutNs, done }));
  }

  end(domainId: string): void {
    const wait = this.waits.get(domainId);
    this.waits.delete(domainId);
    wait?.done();
  }

  /** Ends the waits whose time is over. */
  tick(): void {
    const nowNs = this.nowNs();
    for (const [domainId, { deadlineNs }] of this.waits) if (deadlineNs <= nowNs) this.end(domainId);
  }

  /** Ends all waits, and those to come at once. */
  close(): void {
    this.closed = true;
    for (const domainId of [...this.waits.keys()]) this.end(domainId);
  }
}
