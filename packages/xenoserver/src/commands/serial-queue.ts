/**
 * Runs tasks one after the other per key, and side by side when they share none.
 *
 * Invariants. Tasks that share a key run in the order they were added; a failed task does not stop the next. The order of
 * arrival is the order of waiting for every key, so two tasks never wait for each other.
 */
export class SerialQueue {
  private readonly tails = new Map<string, Promise<void>>();
  private readonly unfinished = new Set<Promise<void>>();

  /** Tasks added and not finished. */
  get length(): number {
    return this.unfinished.size;
  }

  add<T>(keys: readonly string[], task: () => Promise<T>): Promise<T> {
    const before = keys.map((key) => this.tails.get(key) ?? Promise.resolve());
    const run = Promise.all(before).then(task);
    const tail: Promise<void> = run.then(
      () => this.finish(keys, tail),
      () => this.finish(keys, tail),
    );
    this.unfinished.add(tail);
    for (const key of keys) this.tails.set(key, tail);
    return run;
  }

  /** Resolves when everything added so far has finished. */
  async idle(): Promise<void> {
    await Promise.all(this.unfinished);
  }

  private finish(keys: readonly string[], tail: Promise<void>): void {
    this.unfinished.delete(tail);
    for (const key of keys) if (this.tails.get(key) === tail) this.tails.delete(key);
  }
}
