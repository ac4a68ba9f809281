/**
 * Design: a bounded byte stream held as a list of chunks, so an empty stream costs nothing.
 * Invariant: length <= capacity; bytes come out in the order they went in; nothing aliases the caller's buffers.
 */
export class ByteQueue {
  private chunks: Uint8Array[] = [];
  private offset = 0;
  length = 0;

  constructor(readonly capacity: number) {}

  get room(): number {
    return this.capacity - this.length;
  }

  /** Copies as many bytes as fit; the answer is how many. */
  write(bytes: Uint8Array): number {
    const taken = Math.min(bytes.length, this.room);
    if (taken > 0) {
      this.chunks.push(bytes.slice(0, taken));
      this.length += taken;
    }
    return taken;
  }

  /** Takes up to `max` bytes, in one array. */
  read(max: number): Uint8Array {
    const size = Math.min(max, this.length);
    const out = new Uint8Array(size);
    let filled = 0;
    while (filled < size) {
      const chunk = this.chunks[0] as Uint8Array;
      const part = Math.min(size - filled, chunk.length - this.offset);
      out.set(chunk.subarray(this.offset, this.offset + part), filled);
      filled += part;
      this.offset += part;
      if (this.offset === chunk.length) {
        this.chunks.shift();
        this.offset = 0;
      }
    }
    this.length -= size;
    return out;
  }

  clear(): void {
    this.chunks = [];
    this.offset = 0;
    this.length = 0;
  }
}
