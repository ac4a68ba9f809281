/**
 * One TCP connection of a published port.
 *
 * Design. Bytes are taken from the socket only as far as the host has opened its window, and the room of sent bytes is given
 * back only when the kernel took them, so a slow side stops the other end to end and nothing grows in between. The two
 * directions close apart (half close). A connection never calls into the host while the host is running: window
 * openings are remembered and `pump` runs between two steps.
 */
import type { Socket } from 'node:net';

/** What a connection tells the host. */
export interface ConnectionHost {
  received(connectionId: number, bytes: Uint8Array): void;
  sent(connectionId: number, bytes: number): void;
  closed(connectionId: number, reason: 'end' | 'reset'): void;
}

export class TcpConnection {
  private windowBytes: number;
  private inputEnded = false;
  private inputEndTold = false;
  private over = false;

  constructor(
    readonly connectionId: number,
    private readonly socket: Socket,
    windowBytes: number,
    private readonly host: ConnectionHost,
    /** Asks for a `pump` outside the host's step. */
    private readonly askPump: (connection: TcpConnection) => void,
    private readonly forget: (connection: TcpConnection) => void,
    /** Takes over the socket of a connection that its domain has closed. */
    private readonly linger: (socket: Socket) => void,
  ) {
    this.windowBytes = windowBytes;
    socket.setNoDelay(true);
    socket.on('readable', () => this.askPump(this));
    socket.on('end', () => {
      this.inputEnded = true;
      this.askPump(this);
    });
    socket.on('error', () => this.finish());
    socket.on('close', () => this.finish());
    this.askPump(this);
  }

  /** Moves received bytes to the host as far as its window allows. Only between two steps. */
  pump(): void {
    while (!this.over) {
      const bytes = this.windowBytes > 0 ? this.readSome() : null;
      if (bytes === null) break;
      this.windowBytes -= bytes.length;
      this.host.received(this.connectionId, bytes);
    }
    if (this.over || !this.inputEnded || this.inputEndTold) return;
    this.inputEndTold = true;
    this.host.closed(this.connectionId, 'end');
  }

  /** The host may take this many more bytes. Called inside a step. */
  openWindow(bytes: number): void {
    this.windowBytes += bytes;
    this.askPump(this);
  }

  /** Called inside a step; the bytes are copied, because their memory is the host's. */
  send(bytes: Uint8Array): void {
    if (this.over || this.socket.writableEnded) return;
    this.socket.write(Buffer.from(bytes), (error) => {
      if (!this.over && !error) this.host.sent(this.connectionId, bytes.length);
    });
  }

  /** Half close: the peer sees the end after what was sent. */
  endOutput(): void {
    if (!this.over) this.socket.end();
  }

  /** The domain is done with it: what was sent is still delivered, as far as the uplink has patience. */
  close(): void {
    if (this.over) return;
    this.over = true;
    this.forget(this);
    this.socket.removeAllListeners('readable');
    this.linger(this.socket);
  }

  /** The host is going away. */
  destroy(): void {
    this.over = true;
    this.socket.destroy();
  }

  private readSome(): Buffer | null {
    const available = Math.min(this.windowBytes, this.socket.readableLength);
    return available > 0 ? (this.socket.read(available) as Buffer | null) : this.drainEnd();
  }

  /** An ended stream emits its `end` only when somebody reads past its last byte. */
  private drainEnd(): null {
    if (this.socket.readableLength === 0) this.socket.read(0);
    return null;
  }

  private finish(): void {
    if (this.over) return;
    this.over = true;
    this.forget(this);
    // Both directions ended in order: the host knows already and will close by itself.
    if (this.inputEndTold && this.socket.writableFinished) return;
    this.host.closed(this.connectionId, 'reset');
  }
}
