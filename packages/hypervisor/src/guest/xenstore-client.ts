import { CPU_MODEL, perKib } from '../abi/cpu-model.js';
import {
  decodeXsHeader,
  encodeXsMessage,
  packXsStrings,
  splitXsStrings,
  XS_HEADER_BYTES,
  XS_PAGE,
  XS_RING_BYTES,
  XS_TYPE,
  type XsAnswer,
  xsBytes,
  type XsErrno,
  XS_ERRORS,
  type XsMessage,
  xsText,
} from '../abi/xs-wire.js';
import { ByteRingConsumer, ByteRingProducer } from '../base/shared-byte-ring.js';
import type { GuestKernel, TaskRoutine, WaitQueue } from './kernel.js';

/** A registered watch: the paths that changed and were not looked at yet. */
export interface ClientWatch {
  readonly path: string;
  readonly token: string;
  readonly changed: string[];
}

/** A transaction that goes on conflicting is given up after so many tries. */
const TRIES_MAX = 16;

/**
 * Design: the xenstore frontend of the coroutine guests, over the bytes of the shared page. Any number of tasks may ask
 * at once: messages are written whole one after the other, answers are told apart by their ids, events by their tokens.
 * Invariant: who takes bytes out of the ring wakes everybody who may wait for what they brought, and rings xenstored.
 */
export class XenstoreClient {
  private readonly producer: ByteRingProducer;
  private readonly consumer: ByteRingConsumer;
  private readonly rung: WaitQueue;
  private readonly answers = new Map<number, XsMessage>();
  private readonly watches = new Map<string, ClientWatch>();
  private inbound = new Uint8Array(0);
  private writing = false;
  private nextId = 1;

  constructor(
    private readonly kernel: GuestKernel,
    private readonly front: { page: Uint8Array; port: number } = kernel.info.xenstore,
  ) {
    const page = (): Uint8Array => front.page;
    const size = XS_RING_BYTES;
    const { req, rsp, reqCons, reqProd, rspCons, rspProd } = XS_PAGE;
    this.producer = new ByteRingProducer(page, { data: req, size, cons: reqCons, prod: reqProd });
    this.consumer = new ByteRingConsumer(page, { data: rsp, size, cons: rspCons, prod: rspProd });
    this.rung = kernel.queueOfPort(front.port);
  }

  *read(path: string, transaction = 0): TaskRoutine<XsAnswer<Uint8Array>> {
    return yield* this.ask(XS_TYPE.READ, packXsStrings([path]), transaction);
  }

  *write(path: string, value: Uint8Array | string, transaction = 0): TaskRoutine<XsAnswer<null>> {
    const bytes = typeof value === 'string' ? xsBytes(value) : value;
    const head = packXsStrings([path]);
    const payload = new Uint8Array(head.length + bytes.length);
    payload.set(head);
    payload.set(bytes, head.length);
    return done(yield* this.ask(XS_TYPE.WRITE, payload, transaction));
  }

  *makeDirectory(path: string, transaction = 0): TaskRoutine<XsAnswer<null>> {
    return done(yield* this.ask(XS_TYPE.MKDIR, packXsStrings([path]), transaction));
  }

  *remove(path: string, transaction = 0): TaskRoutine<XsAnswer<null>> {
    return done(yield* this.ask(XS_TYPE.RM, packXsStrings([path]), transaction));
  }

  /** The names of the children. */
  *directory(path: string, transaction = 0): TaskRoutine<XsAnswer<string[]>> {
    const whole = yield* this.ask(XS_TYPE.DIRECTORY, packXsStrings([path]), transaction);
    if (whole.ok) return { ok: true, value: splitXsStrings(whole.value) ?? [] };
    return whole.errno === 'E2BIG' ? yield* this.directoryInParts(path, transaction) : whole;
  }

  /** `n0`, `r5`: the owner first. */
  *permissions(path: string, transaction = 0): TaskRoutine<XsAnswer<string[]>> {
    const answer = yield* this.ask(XS_TYPE.GET_PERMS, packXsStrings([path]), transaction);
    return answer.ok ? { ok: true, value: splitXsStrings(answer.value) ?? [] } : answer;
  }

  *setPermissions(path: string, permissions: string[], transaction = 0): TaskRoutine<XsAnswer<null>> {
    return done(yield* this.ask(XS_TYPE.SET_PERMS, packXsStrings([path, ...permissions]), transaction));
  }

  /** Tells of `path` once, and then of every change at or below it. */
  *watch(path: string): TaskRoutine<XsAnswer<ClientWatch>> {
    const token = `w${this.nextId}`;
    const watch: ClientWatch = { path, token, changed: [] };
    this.watches.set(token, watch);
    const answer = yield* this.ask(XS_TYPE.WATCH, packXsStrings([path, token]), 0);
    if (answer.ok) return { ok: true, value: watch };
    this.watches.delete(token);
    return answer;
  }

  *unwatch({ path, token }: ClientWatch): TaskRoutine<XsAnswer<null>> {
    const answer = yield* this.ask(XS_TYPE.UNWATCH, packXsStrings([path, token]), 0);
    this.watches.delete(token);
    return done(answer);
  }

  /** The next path that changed, in order; waits for one. */
  *next(watch: ClientWatch): TaskRoutine<string> {
    for (;;) {
      const path = watch.changed.shift();
      if (path !== undefined) return path;
      if (yield* this.takeMessages()) continue;
      yield { do: 'wait', on: this.rung };
    }
  }

  /** Does `body` in a transaction, again when it conflicted; what the body answers as an error ends it without effect. */
  *transaction<T>(body: (transaction: number) => TaskRoutine<XsAnswer<T>>): TaskRoutine<XsAnswer<T>> {
    for (let tries = 1; ; tries += 1) {
      const started = yield* this.ask(XS_TYPE.TRANSACTION_START, packXsStrings(['']), 0);
      if (!started.ok) return started;
      const id = Number(xsText(started.value).replace('\0', ''));
      const result = yield* body(id);
      const ended = yield* this.ask(XS_TYPE.TRANSACTION_END, packXsStrings([result.ok ? 'T' : 'F']), id);
      if (!result.ok) return result;
      if (ended.ok) return result;
      if (ended.errno !== 'EAGAIN' || tries === TRIES_MAX) return ended;
    }
  }

  /** One request; EIO when xenstored does not listen to this domain any more. */
  private *ask(type: number, payload: Uint8Array, transaction: number): TaskRoutine<XsAnswer<Uint8Array>> {
    const requestId = this.nextId;
    this.nextId = (this.nextId + 1) >>> 0;
    yield {
      do: 'work',
      ns: CPU_MODEL.guestXenstoreCallNs + perKib(CPU_MODEL.guestBytesPerKibNs, payload.length),
    };
    const message = encodeXsMessage({ type, requestId, transactionId: transaction, payload });
    if (!(yield* this.send(message))) return { ok: false, errno: 'EIO' };
    for (;;) {
      const answer = this.answers.get(requestId);
      if (answer !== undefined) {
        this.answers.delete(requestId);
        return valueOf(answer);
      }
      if (this.broken) return { ok: false, errno: 'EIO' };
      if (yield* this.takeMessages()) continue;
      yield { do: 'wait', on: this.rung };
    }
  }

  private get broken(): boolean {
    const { page } = this.front;
    return new DataView(page.buffer, page.byteOffset, page.length).getUint32(XS_PAGE.error, true) !== 0;
  }

  /** Writes a message whole before anybody else writes; false when the ring is broken. */
  private *send(message: Uint8Array): TaskRoutine<boolean> {
    while (this.writing) yield { do: 'wait', on: this.rung };
    this.writing = true;
    let sent = 0;
    while (sent < message.length) {
      const written = this.broken ? null : this.producer.write(message, sent);
      if (written === null) break;
      sent += written;
      if (written > 0) yield* this.ring();
      // Full: answers that are not taken may be what xenstored waits for.
      else if (!(yield* this.takeMessages())) yield { do: 'wait', on: this.rung };
    }
    this.writing = false;
    this.kernel.wakeAll(this.rung);
    return sent === message.length;
  }

  /** Takes what has come apart; false when nothing had. */
  private *takeMessages(): TaskRoutine<boolean> {
    const chunk = new Uint8Array(XS_RING_BYTES);
    const taken = this.consumer.read(chunk, 0) ?? 0;
    if (taken === 0) return false;
    const bytes = new Uint8Array(this.inbound.length + taken);
    bytes.set(this.inbound);
    bytes.set(chunk.subarray(0, taken), this.inbound.length);
    let at = 0;
    while (bytes.length - at >= XS_HEADER_BYTES) {
      const { type, requestId, transactionId, length } = decodeXsHeader(bytes.subarray(at));
      const end = at + XS_HEADER_BYTES + length;
      if (end > bytes.length) break;
      const payload = bytes.slice(at + XS_HEADER_BYTES, end);
      this.sort({ type, requestId, transactionId, payload });
      at = end;
    }
    this.inbound = bytes.slice(at);
    this.kernel.wakeAll(this.rung);
    yield* this.ring();
    return true;
  }

  private sort(message: XsMessage): void {
    if (message.type !== XS_TYPE.WATCH_EVENT) {
      this.answers.set(message.requestId, message);
      return;
    }
    const [path, token] = splitXsStrings(message.payload) ?? [];
    if (path === undefined || token === undefined) return;
    this.watches.get(token)?.changed.push(path);
  }

  private *ring(): TaskRoutine {
    yield { do: 'hypercall', call: { op: 'event_channel_op', cmd: 'send', port: this.front.port } };
  }

  private *directoryInParts(path: string, transaction: number): TaskRoutine<XsAnswer<string[]>> {
    for (let generation = '', names: string[] = [], offset = 0; ;) {
      const payload = packXsStrings([path, String(offset)]);
      const part = yield* this.ask(XS_TYPE.DIRECTORY_PART, payload, transaction);
      if (!part.ok) return part;
      const [now = '', ...found] = splitXsStrings(part.value) ?? [];
      if (now !== generation && offset > 0) {
        // The list changed between two parts: from the start.
        generation = '';
        names = [];
        offset = 0;
        continue;
      }
      generation = now;
      const last = found.at(-1) === '';
      for (const name of last ? found.slice(0, -1) : found) {
        names.push(name);
        offset += name.length + 1;
      }
      if (last) return { ok: true, value: names };
    }
  }
}

function valueOf({ type, payload }: XsMessage): XsAnswer<Uint8Array> {
  if (type !== XS_TYPE.ERROR) return { ok: true, value: payload };
  const name = (splitXsStrings(payload) ?? [])[0];
  return { ok: false, errno: XS_ERRORS.find((e) => e === name) ?? ('EIO' satisfies XsErrno) };
}

function done(answer: XsAnswer<unknown>): XsAnswer<null> {
  return answer.ok ? { ok: true, value: null } : answer;
}

/**
 * Obeys `control/shutdown` as a Linux guest does: says that it can, watches the node, acknowledges by emptying it, and
 * then does what `end` does. To be spawned by a guest's program.
 */
export function* obeyShutdown(client: XenstoreClient, end: (reason: string) => TaskRoutine): TaskRoutine {
  yield* client.write('control/feature-poweroff', '1');
  const watch = yield* client.watch('control/shutdown');
  if (!watch.ok) return;
  for (;;) {
    yield* client.next(watch.value);
    const asked = yield* client.read('control/shutdown');
    const reason = asked.ok ? xsText(asked.value) : '';
    if (reason === '') continue;
    yield* client.write('control/shutdown', '');
    yield* end(reason);
  }
}
