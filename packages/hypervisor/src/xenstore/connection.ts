import {
  decodeXsHeader,
  encodeXsMessage,
  packXsStrings,
  XS_CONNECTION,
  XS_CONNECTION_ERROR,
  XS_HEADER_BYTES,
  XS_PAGE,
  XS_PAYLOAD_BYTES_MAX,
  XS_RING_BYTES,
  XS_SERVER_FEATURE,
  XS_TYPE,
  type XsHeader,
  type XsMessage,
} from '../abi/xs-wire.js';
import { BoundedQueue } from '../base/bounded-queue.js';
import { ByteRingConsumer, ByteRingProducer } from '../base/shared-byte-ring.js';
import { LIMITS } from '../limits.js';
import type { Watch, Watcher } from './watches.js';

/** The page and the event channel that a domain shares with xenstored. */
export interface ConnectionLink {
  /** The 4096 bytes of the shared page, as they are now. */
  page(): Uint8Array;
  /** Rings the domain. */
  notify(): void;
}

/** Who is told what happens to connections. */
export interface ConnectionHooks {
  /** Takes a fired watch until the request that causes it is paid and answered. */
  fired(connection: XenstoreConnection, watch: Watch, path: string): void;
  /** The domain broke the protocol: its watches and transactions end. */
  failed(connection: XenstoreConnection): void;
}

/** What waits to be sent: an answer, or an event that is made up when its turn comes. */
interface Outgoing {
  answer: Uint8Array | null;
  event: { watch: Watch; path: string } | null;
}

/**
 * Design: one domain's end of the wire in xenstored: takes messages apart and together from the bytes of the rings, and
 * queues what does not fit. Everything in the page was written by the domain.
 * Invariants: with 20 answers waiting nothing more is taken; an event that waits is not queued again, and beyond the
 * limit the events of a watch become one, of the watched path itself, so what waits is bounded; after a violation of
 * the protocol nothing is read until the domain asks to begin anew.
 */
export class XenstoreConnection implements Watcher {
  /** Why the domain is not listened to any more; null while it is. */
  closedBecause: string | null = null;
  private readBytes = 0;
  private readonly requests: ByteRingConsumer;
  private readonly responses: ByteRingProducer;
  private readonly header = new Uint8Array(XS_HEADER_BYTES);
  private headerFilled = 0;
  private payload: Uint8Array | null = null;
  private payloadFilled = 0;
  private readonly outgoing = new BoundedQueue<Outgoing>(
    LIMITS.xenstoreEventsQueuedMax +
      2 * LIMITS.xenstoreWatchesPerDomainMax +
      2 * LIMITS.xenstoreRequestsOutstandingMax,
  );
  private sending: Uint8Array | null = null;
  private sent = 0;
  private answersWaiting = 0;
  /** The paths waiting to be told, by watch. */
  private readonly events = new Map<Watch, Set<string>>();
  private eventsWaiting = 0;
  /** Whether bytes moved since the domain was rung last. */
  private moved = false;

  constructor(
    readonly domId: number,
    private readonly link: ConnectionLink,
    private readonly hooks: ConnectionHooks,
  ) {
    const page = (): Uint8Array => link.page();
    const { req, rsp, reqCons, reqProd, rspCons, rspProd } = XS_PAGE;
    this.requests = new ByteRingConsumer(page, {
      data: req,
      size: XS_RING_BYTES,
      cons: reqCons,
      prod: reqProd,
    });
    this.responses = new ByteRingProducer(page, {
      data: rsp,
      size: XS_RING_BYTES,
      cons: rspCons,
      prod: rspProd,
    });
    this.begin();
  }

  fire(watch: Watch, path: string): void {
    this.hooks.fired(this, watch, path);
  }

  /** Whether the domain wrote that it wants to begin anew. */
  get asksToReconnect(): boolean {
    return this.word(XS_PAGE.connection) === XS_CONNECTION.RECONNECT;
  }

  /** Forgets all that was under way and starts both rings at 0. */
  begin(): void {
    this.closedBecause = null;
    this.headerFilled = 0;
    this.payload = null;
    this.forgetOutgoing();
    this.requests.reset();
    this.responses.reset();
    this.setWord(XS_PAGE.serverFeatures, XS_SERVER_FEATURE.RECONNECTION | XS_SERVER_FEATURE.ERROR);
    this.setWord(XS_PAGE.error, XS_CONNECTION_ERROR.NONE);
    this.setWord(XS_PAGE.connection, XS_CONNECTION.CONNECTED);
  }

  /** The domain is gone: its page is not touched any more. */
  end(): void {
    this.closedBecause = 'the domain is gone';
    this.moved = false;
    this.forgetOutgoing();
  }

  /** Whether taking a message may bring something. */
  get mayReceive(): boolean {
    if (this.closedBecause !== null) return false;
    return this.answersWaiting < LIMITS.xenstoreRequestsOutstandingMax && this.requests.available !== 0;
  }

  /** The next whole message; null when there is none yet, or the domain broke the protocol. */
  receive(): XsMessage | null {
    if (!this.mayReceive) return null;
    if (this.payload === null) {
      const taken = this.fill(this.header, this.headerFilled);
      if (taken === null) return null;
      this.headerFilled += taken;
      if (this.headerFilled < XS_HEADER_BYTES) return null;
      const { length } = decodeXsHeader(this.header);
      if (length > XS_PAYLOAD_BYTES_MAX)
        return this.fail('PROTO', `a message of ${length} bytes, at most ${XS_PAYLOAD_BYTES_MAX}`);
      this.payload = new Uint8Array(length);
      this.payloadFilled = 0;
    }
    const taken = this.fill(this.payload, this.payloadFilled);
    if (taken === null) return null;
    this.payloadFilled += taken;
    if (this.payloadFilled < this.payload.length) return null;
    const { type, requestId, transactionId }: XsHeader = decodeXsHeader(this.header);
    const message = { type, requestId, transactionId, payload: this.payload };
    this.headerFilled = 0;
    this.payload = null;
    return message;
  }

  /** Queues the answer of a request. */
  answer(message: XsMessage): void {
    if (this.closedBecause !== null) return;
    this.answersWaiting += 1;
    this.queue({ answer: encodeXsMessage(message), event: null });
  }

  /** Queues an event, unless the same one waits already. */
  tell(watch: Watch, path: string): void {
    if (this.closedBecause !== null) return;
    const full = this.eventsWaiting >= LIMITS.xenstoreEventsQueuedMax;
    const told = full ? watch.written : path;
    let paths = this.events.get(watch);
    if (paths?.has(told)) return;
    if (paths === undefined) {
      paths = new Set();
      this.events.set(watch, paths);
    }
    paths.add(told);
    this.eventsWaiting += 1;
    this.queue({ answer: null, event: { watch, path: told } });
  }

  /** The watch is gone: what waits of it is not told. */
  forget(watch: Watch): void {
    this.eventsWaiting -= this.events.get(watch)?.size ?? 0;
    this.events.delete(watch);
  }

  /** All watches are gone. */
  forgetEvents(): void {
    this.events.clear();
    this.eventsWaiting = 0;
  }

  /** Writes what fits into the ring, and rings the domain if anything moved since it was rung last. */
  flush(): void {
    while (this.closedBecause === null) {
      this.sending ??= this.nextToSend();
      if (this.sending === null) break;
      const written = this.responses.write(this.sending, this.sent);
      if (written === null) {
        this.fail('RINGIDX', 'rsp_cons is not within the ring');
        break;
      }
      this.sent += written;
      this.moved ||= written > 0;
      if (this.sent < this.sending.length) break;
      this.sending = null;
      this.sent = 0;
    }
    if (!this.moved) return;
    this.moved = false;
    this.link.notify();
  }

  /** Bytes taken from the domain since the last call. */
  takeReadBytes(): number {
    const { readBytes } = this;
    this.readBytes = 0;
    return readBytes;
  }

  /** What waits for the domain to read. */
  get waiting(): { answers: number; events: number } {
    return { answers: this.answersWaiting, events: this.eventsWaiting };
  }

  private nextToSend(): Uint8Array | null {
    for (let next = this.outgoing.shift(); next !== undefined; next = this.outgoing.shift()) {
      if (next.answer !== null) {
        this.answersWaiting -= 1;
        return next.answer;
      }
      const { watch, path } = next.event as { watch: Watch; path: string };
      const paths = this.events.get(watch);
      if (!paths?.delete(path)) continue;
      if (paths.size === 0) this.events.delete(watch);
      this.eventsWaiting -= 1;
      const payload = packXsStrings([path, watch.token]);
      return encodeXsMessage({ type: XS_TYPE.WATCH_EVENT, requestId: 0, transactionId: 0, payload });
    }
    return null;
  }

  private fill(into: Uint8Array, from: number): number | null {
    const taken = this.requests.read(into, from);
    if (taken === null) return this.fail('RINGIDX', 'req_prod is not within the ring');
    this.readBytes += taken;
    this.moved ||= taken > 0;
    return taken;
  }

  private queue(entry: Outgoing): void {
    if (!this.outgoing.push(entry)) this.fail('COMM', 'it does not read');
  }

  private fail(error: 'COMM' | 'RINGIDX' | 'PROTO', reason: string): null {
    this.closedBecause = reason;
    this.forgetOutgoing();
    this.setWord(XS_PAGE.error, XS_CONNECTION_ERROR[error]);
    this.moved = true;
    this.hooks.failed(this);
    return null;
  }

  private forgetOutgoing(): void {
    this.outgoing.clear();
    this.sending = null;
    this.sent = 0;
    this.answersWaiting = 0;
    this.forgetEvents();
  }

  private word(at: number): number {
    const page = this.link.page();
    return new DataView(page.buffer, page.byteOffset, page.length).getUint32(at, true);
  }

  private setWord(at: number, value: number): void {
    const page = this.link.page();
    new DataView(page.buffer, page.byteOffset, page.length).setUint32(at, value, true);
  }
}
