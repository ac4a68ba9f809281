import { BLOCK_SECTOR_BYTES } from '../abi/block.js';
import { CPU_MODEL } from '../abi/cpu-model.js';
import type { GuestImage, StartInfo } from '../abi/guest.js';
import { GuestDisk } from './disk.js';
import { type HeadResult, type HttpRequest, HTTP_LIMITS, parseHead, responseHead } from './http.js';
import { GuestKernel, type TaskRoutine, WaitQueue } from './kernel.js';
import { type GuestConnection, GuestSockets } from './sockets.js';
import { joinBytes, utf8 } from './text.js';
import { homePage } from './web-page.js';

export const WEB_LIMITS = {
  burnMsMax: 60_000,
  diskBytesMax: 64 * 1024 * 1024,
  bytesMax: 256 * 1024 * 1024,
} as const;

const PORT = 80;
const IDLE_NS = 60_000_000_000n;
const CHUNK_BYTES = 16 * 1024;
const MS_NS = 1_000_000n;

interface Reply {
  status: number;
  type: string;
  /** The whole body, or the number of filler bytes to stream. */
  body: Uint8Array | number;
}

/**
 * Image `web`: an HTTP/1.1 server on guest port 80 that does real work on request. Each request costs
 * `CPU_MODEL.webRequestNs`, its socket calls and bytes, and what it asks for. Asked to shut down it takes no new request,
 * finishes those it has, with their connections, and powers off.
 */
export const web: GuestImage = {
  name: 'web',
  boot(info) {
    const kernel = new GuestKernel(info);
    const server = new WebServer(kernel);
    kernel.onShutdownRequest = () => server.stop();
    kernel.spawn(server.serve());
    return kernel.asGuest();
  },
};

class WebServer {
  private readonly info: StartInfo;
  private readonly sockets: GuestSockets;
  private readonly disk: GuestDisk | null;
  private requests = 0;
  private connections = 0;
  private nextSector = 0;
  private stopping = false;
  /** Connections with a request that is not answered to its end. */
  private busy = 0;
  private readonly quiet = new WaitQueue();

  constructor(private readonly kernel: GuestKernel) {
    this.info = kernel.info;
    this.sockets = new GuestSockets(kernel);
    const front = kernel.info.disks[0];
    this.disk = front === undefined ? null : new GuestDisk(kernel, front);
  }

  *serve(): TaskRoutine {
    const listener = yield* this.sockets.listen(PORT);
    if (listener < 0) throw new Error(`cannot listen on port ${PORT}: errno ${-listener}`);
    for (;;) {
      const connection = yield* this.sockets.accept(listener);
      if (connection === null) throw new Error('cannot accept');
      this.connections += 1;
      this.kernel.spawn(this.converse(connection));
    }
  }

  *stop(): TaskRoutine {
    if (this.stopping) return;
    this.stopping = true;
    while (this.busy > 0) yield { do: 'wait', on: this.quiet };
    yield { do: 'shutdown', reason: 'poweroff' };
  }

  /** One connection, from its first request to its end. */
  private *converse(connection: GuestConnection): TaskRoutine {
    let buffer: Uint8Array = new Uint8Array(0);
    while (!this.stopping) {
      const head = parseHead(buffer);
      if (head.kind === 'more') {
        const bytes = yield* connection.read(CHUNK_BYTES, this.deadline());
        if (typeof bytes === 'string') break;
        buffer = joinBytes(buffer, bytes);
        continue;
      }
      this.busy += 1;
      const rest = yield* this.exchange(connection, head, buffer);
      const goesOn = rest !== null && !this.stopping;
      if (!goesOn) yield* this.finish(connection);
      this.busy -= 1;
      if (this.busy === 0) this.kernel.wakeAll(this.quiet);
      if (!goesOn) return;
      buffer = rest;
    }
    yield* this.finish(connection);
  }

  /** Takes the request at the front of `buffer` and answers it; what is behind it, or null when the connection ends. */
  private *exchange(
    connection: GuestConnection,
    head: Exclude<HeadResult, { kind: 'more' }>,
    buffer: Uint8Array,
  ): TaskRoutine<Uint8Array | null> {
    yield { do: 'work', ns: CPU_MODEL.webRequestNs };
    this.requests += 1;
    if (head.kind === 'refused') {
      yield* this.reply(connection, plain(head.status, head.detail), { keepAlive: false, bodyless: false });
      return null;
    }
    const { request, headBytes } = head;
    const whole = headBytes + request.bodyBytes;
    let taken = buffer;
    while (taken.length < whole) {
      const bytes = yield* connection.read(HTTP_LIMITS.bodyBytesMax, this.deadline());
      if (typeof bytes === 'string') return null;
      taken = joinBytes(taken, bytes);
    }
    const answer = yield* this.answer(request, taken.slice(headBytes, whole));
    const bodyless = request.method === 'HEAD';
    const keepAlive = request.keepAlive && !this.stopping;
    const sent = yield* this.reply(connection, answer, { keepAlive, bodyless });
    return sent && keepAlive ? taken.slice(whole) : null;
  }

  /** Ends our side, reads away what the peer still sends, and lets go. */
  private *finish(connection: GuestConnection): TaskRoutine {
    yield* connection.shut();
    const until = this.info.systemTimeNs() + 2_000_000_000n;
    while (typeof (yield* connection.read(CHUNK_BYTES, until)) !== 'string');
    yield* connection.release();
  }

  private *reply(
    connection: GuestConnection,
    { status, type, body }: Reply,
    { keepAlive, bodyless }: { keepAlive: boolean; bodyless: boolean },
  ): TaskRoutine<boolean> {
    const bodyBytes = typeof body === 'number' ? body : body.length;
    const head = responseHead({ status, type, bodyBytes, keepAlive });
    if (bodyless) return yield* connection.write(head, this.deadline());
    if (typeof body !== 'number') return yield* connection.write(joinBytes(head, body), this.deadline());
    if (!(yield* connection.write(head, this.deadline()))) return false;
    const filler = new Uint8Array(Math.min(body, CHUNK_BYTES)).fill(0x78);
    for (let left = body; left > 0; left -= Math.min(left, CHUNK_BYTES)) {
      if (!(yield* connection.write(filler.subarray(0, Math.min(left, CHUNK_BYTES)), this.deadline())))
        return false;
    }
    return true;
  }

  private *answer(request: HttpRequest, body: Uint8Array): TaskRoutine<Reply> {
    const { method, path, query } = request;
    if (path === '/echo') {
      if (method !== 'POST') return plain(405, 'method: /echo takes POST');
      return { status: 200, type: 'application/octet-stream', body };
    }
    if (method !== 'GET' && method !== 'HEAD') return plain(405, `method: GET or HEAD, got ${method}`);
    switch (path) {
      case '/':
        return {
          status: 200,
          type: 'text/html; charset=utf-8',
          body: utf8(homePage(this.info, this.requests)),
        };
      case '/burn':
        return yield* this.burn(query.get('ms'));
      case '/disk':
        return yield* this.exerciseDisk(query.get('write') ?? '0', query.get('read') ?? '0');
      case '/bytes': {
        const n = wholeNumber(query.get('n'), WEB_LIMITS.bytesMax);
        if (n === null) return plain(400, `n: 0 to ${WEB_LIMITS.bytesMax}`);
        return { status: 200, type: 'application/octet-stream', body: n };
      }
      case '/stats':
        return yield* this.stats();
      default:
        return plain(404, 'path: /, /burn, /disk, /bytes, /echo or /stats');
    }
  }

  /** Declares CPU work a millisecond at a time, so that other connections go on. */
  private *burn(ms: string | undefined): TaskRoutine<Reply> {
    const count = wholeNumber(ms, WEB_LIMITS.burnMsMax);
    if (count === null) return plain(400, `ms: 0 to ${WEB_LIMITS.burnMsMax}`);
    for (let i = 0; i < count; i += 1) {
      yield { do: 'work', ns: MS_NS };
      yield { do: 'pass' };
    }
    return json({ burned_ms: count });
  }

  private *exerciseDisk(write: string, read: string): TaskRoutine<Reply> {
    const max = WEB_LIMITS.diskBytesMax;
    const writeBytes = wholeNumber(write, max);
    const readBytes = wholeNumber(read, max);
    if (writeBytes === null || readBytes === null) return plain(400, `write, read: 0 to ${max}`);
    if (this.disk === null) return plain(409, 'disk: this domain has no volume');
    const { sectors } = this.disk.front;
    const writeSectors = Math.ceil(writeBytes / BLOCK_SECTOR_BYTES);
    const readSectors = Math.ceil(readBytes / BLOCK_SECTOR_BYTES);
    if (writeSectors > sectors || readSectors > sectors) {
      return plain(400, `write, read: at most the volume's ${sectors * BLOCK_SECTOR_BYTES} bytes`);
    }
    if (this.nextSector + Math.max(writeSectors, readSectors) > sectors) this.nextSector = 0;
    const first = this.nextSector;
    this.nextSector += Math.max(writeSectors, readSectors);
    const fill = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(this.requests & 0xff);
    if (writeSectors > 0 && !(yield* this.disk.write(first, writeSectors, fill)))
      return plain(500, 'disk: write failed');
    if (readSectors > 0 && !(yield* this.disk.read(first, readSectors)))
      return plain(500, 'disk: read failed');
    return json({
      first_sector: first,
      written_bytes: writeSectors * BLOCK_SECTOR_BYTES,
      read_bytes: readSectors * BLOCK_SECTOR_BYTES,
    });
  }

  private *stats(): TaskRoutine<Reply> {
    const answer = yield { do: 'hypercall', call: { op: 'vcpu_op', cmd: 'get_runstate_info' } };
    const { timesNs = [] } = answer as { timesNs?: readonly bigint[] };
    const [running, runnable, blocked, offline] = timesNs.map(String);
    return json({
      domain: this.info.name,
      dom_id: this.info.domId,
      host: this.info.hostName,
      uptime_ns: String(this.info.systemTimeNs()),
      requests: this.requests,
      connections: this.connections,
      vcpu_runstate_ns: { running, runnable, blocked, offline },
    });
  }

  private deadline(): bigint {
    return this.info.systemTimeNs() + IDLE_NS;
  }
}

function wholeNumber(text: string | undefined, max: number): number | null {
  if (text === undefined || !/^\d{1,12}$/.test(text)) return null;
  const value = Number(text);
  return value <= max ? value : null;
}

function plain(status: number, text: string): Reply {
  return { status, type: 'text/plain; charset=utf-8', body: utf8(`${text}\n`) };
}

function json(value: unknown): Reply {
  return { status: 200, type: 'application/json', body: utf8(`${JSON.stringify(value)}\n`) };
}
