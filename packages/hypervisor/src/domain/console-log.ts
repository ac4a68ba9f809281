import { LIMITS } from '../limits.js';

/**
 * The last bytes a domain wrote to Xen's console, in a ring.
 * Invariant: at most `LIMITS.consoleBytesMax` bytes are kept; the oldest go first.
 */
export class ConsoleLog {
  /** Made by the first write. */
  private ring: Uint8Array | null = null;
  /** All bytes ever written; the next one goes to this place of the ring. */
  written = 0n;

  write(bytes: Uint8Array): void {
    const size = LIMITS.consoleBytesMax;
    this.ring ??= new Uint8Array(size);
    const last = bytes.subarray(-size);
    const at = Number((this.written + BigInt(bytes.length - last.length)) % BigInt(size));
    const room = size - at;
    this.ring.set(last.subarray(0, room), at);
    this.ring.set(last.subarray(room), 0);
    this.written += BigInt(bytes.length);
  }

  private get kept(): Uint8Array {
    const size = LIMITS.consoleBytesMax;
    if (this.ring === null) return new Uint8Array(0);
    const at = Number(this.written % BigInt(size));
    if (this.written <= BigInt(size)) return this.ring.subarray(0, Number(this.written));
    const kept = new Uint8Array(size);
    kept.set(this.ring.subarray(at), 0);
    kept.set(this.ring.subarray(0, at), size - at);
    return kept;
  }

  /** The last lines as text: printable ASCII and line ends; any other byte is shown as a dot. */
  get text(): string {
    let text = '';
    for (const byte of this.kept)
      text += byte === 10 || (byte >= 32 && byte < 127) ? String.fromCharCode(byte) : '.';
    return text;
  }
}
