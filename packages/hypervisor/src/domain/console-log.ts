import { LIMITS } from '../limits.js';

/**
 * The last bytes a domain wrote to Xen's console.
 * Invariant: at most `LIMITS.consoleBytesMax` bytes are kept; the oldest go first.
 */
export class ConsoleLog {
  private kept = new Uint8Array(0);
  /** All bytes ever written. */
  written = 0n;

  write(bytes: Uint8Array): void {
    this.written += BigInt(bytes.length);
    const whole = new Uint8Array(this.kept.length + bytes.length);
    whole.set(this.kept);
    whole.set(bytes, this.kept.length);
    this.kept = whole.slice(-LIMITS.consoleBytesMax);
  }

  /** The last lines as text: printable ASCII and line ends; any other byte is shown as a dot. */
  get text(): string {
    let text = '';
    for (const byte of this.kept)
      text += byte === 10 || (byte >= 32 && byte < 127) ? String.fromCharCode(byte) : '.';
    return text;
  }
}
