import { CPU_MODEL, perKib } from '../abi/cpu-model.js';
import type { SocketCommand, SocketDataRing, SocketResponse } from '../abi/sockets.js';
import type { GuestKernel, TaskRoutine, WaitQueue } from './kernel.js';

type CommandBody = SocketCommand extends infer C ? (C extends SocketCommand ? Omit<C, 'id'> : never) : never;

/** The socket frontend: calls of a guest's programs, turned into commands of the ring and moves of the data rings. */
export class GuestSockets {
  private readonly answers = new Map<number, SocketResponse>();
  private readonly answered: WaitQueue;
  private nextId = 1;

  constructor(private readonly kernel: GuestKernel) {
    this.answered = kernel.queueOfPort(kernel.info.sockets.port);
  }

  /** The listener's number, or a negative errno. */
  *listen(guestPort: number): TaskRoutine<number> {
    return (yield* this.command({ cmd: 'listen', guestPort })).result;
  }

  /** The next connection of a listener; null when the backend refuses. */
  *accept(listener: number): TaskRoutine<GuestConnection | null> {
    const { result, data, port } = yield* this.command({ cmd: 'accept', listener });
    if (result < 0 || data === undefined || port === undefined) return null;
    return new GuestConnection(this.kernel, this, result, data, port);
  }

  *release(connection: number): TaskRoutine {
    yield* this.command({ cmd: 'release', connection });
  }

  private *command(body: CommandBody): TaskRoutine<SocketResponse> {
    const { ring, port } = this.kernel.info.sockets;
    const id = this.nextId;
    this.nextId += 1;
    yield { do: 'work', ns: CPU_MODEL.guestSocketCallNs };
    while (!ring.request({ ...body, id } as SocketCommand)) yield { do: 'wait', on: this.answered };
    yield { do: 'hypercall', call: { op: 'event_channel_op', cmd: 'send', port } };
    for (;;) {
      for (let r = ring.takeResponse(); r !== undefined; r = ring.takeResponse()) this.answers.set(r.id, r);
      const response = this.answers.get(id);
      if (response !== undefined) {
        this.answers.delete(id);
        // Others may wait for a slot or for an answer that was just taken out of the ring.
        this.kernel.wakeAll(this.answered);
        return response;
      }
      yield { do: 'wait', on: this.answered };
    }
  }
}

/** One connection as a program of the guest sees it. */
export class GuestConnection {
  private readonly changed: WaitQueue;
  private released = false;

  constructor(
    private readonly kernel: GuestKernel,
    private readonly sockets: GuestSockets,
    private readonly number: number,
    private readonly data: SocketDataRing,
    private readonly port: number,
  ) {
    this.changed = kernel.queueOfPort(port);
  }

  get broken(): boolean {
    return this.data.error !== 0;
  }

  /** Some bytes; or why there are none: the peer ended, the connection broke, or `untilNs` came. */
  *read(max: number, untilNs: bigint): TaskRoutine<Uint8Array | 'ended' | 'broken' | 'timeout'> {
    for (;;) {
      if (this.data.in.length > 0) {
        const wasFull = this.data.in.room === 0;
        const bytes = this.data.in.read(max);
        yield callWork(bytes.length);
        if (wasFull) yield* this.kick();
        return bytes;
      }
      if (this.broken) return 'broken';
      if (this.data.inEnded) return 'ended';
      if ((yield { do: 'wait', on: this.changed, untilNs }) === 'timeout') return 'timeout';
    }
  }

  /** Writes everything, waiting for space as needed; false when the connection broke or `untilNs` came first. */
  *write(bytes: Uint8Array, untilNs: bigint): TaskRoutine<boolean> {
    let at = 0;
    while (at < bytes.length) {
      if (this.broken) return false;
      const taken = this.data.out.write(bytes.subarray(at));
      at += taken;
      if (taken > 0) {
        yield callWork(taken);
        yield* this.kick();
      } else if ((yield { do: 'wait', on: this.changed, untilNs }) === 'timeout') return false;
    }
    return true;
  }

  /** Sends what is written, then the end of the stream. */
  *shut(): TaskRoutine {
    this.data.outEnded = true;
    yield* this.kick();
  }

  /** Drops the connection at once. */
  *release(): TaskRoutine {
    if (this.released) return;
    this.released = true;
    this.kernel.forgetPort(this.port);
    yield* this.sockets.release(this.number);
  }

  private *kick(): TaskRoutine {
    yield { do: 'hypercall', call: { op: 'event_channel_op', cmd: 'send', port: this.port } };
  }
}

function callWork(bytes: number) {
  return {
    do: 'work',
    ns: CPU_MODEL.guestSocketCallNs + perKib(CPU_MODEL.guestBytesPerKibNs, bytes),
  } as const;
}
