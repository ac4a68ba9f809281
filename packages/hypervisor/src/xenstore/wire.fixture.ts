import {
  decodeXsHeader,
  encodeXsMessage,
  packXsStrings,
  XS_CONNECTION,
  XS_PAGE,
  XS_TYPE,
  xsText,
} from '../abi/xs-wire.js';
import { ByteRingConsumer, ByteRingProducer } from '../base/shared-byte-ring.js';
import { TOOLSTACK } from './xenstore.js';
import { permissionsOf } from './xenstore.fixture.js';
import type { XenstoreServer } from './xenstore-server.js';

const NAMES = new Map(Object.entries(XS_TYPE).map(([name, type]) => [type as number, name]));

/** A domain's end of the wire, as plain bytes. */
export class Wire {
  readonly page = new Uint8Array(4096);
  rings = 0;
  private readonly view = new DataView(this.page.buffer);
  private producer = this.newProducer();
  private consumer = this.newConsumer();
  private inbound: number[] = [];
  private nextId = 1;

  constructor(
    private readonly server: XenstoreServer,
    readonly domId: number,
  ) {
    server.connect(domId, { page: () => this.page, notify: () => (this.rings += 1) });
  }

  word(at: number): number {
    return this.view.getUint32(at, true);
  }

  setWord(at: number, value: number): void {
    this.view.setUint32(at, value, true);
  }

  /** Writes what fits and rings; the answer is how many bytes went. */
  put(bytes: Uint8Array, from = 0): number {
    const written = this.producer.write(bytes, from) ?? 0;
    this.server.kick(this.domId);
    return written;
  }

  post(type: number, payload: Uint8Array, transactionId = 0): number {
    const requestId = this.nextId++;
    const bytes = encodeXsMessage({ type, requestId, transactionId, payload });
    for (let sent = 0; sent < bytes.length;) {
      const written = this.put(bytes, sent);
      sent += written;
      if (sent < bytes.length) serve(this.server);
      if (written === 0 && this.word(XS_PAGE.reqProd) - this.word(XS_PAGE.reqCons) === 1024) break;
    }
    return requestId;
  }

  /** All messages that have come, as text. */
  take(): string[] {
    const chunk = new Uint8Array(1024);
    for (let n = this.consumer.read(chunk, 0); n; n = this.consumer.read(chunk, 0)) {
      this.inbound.push(...chunk.subarray(0, n));
      this.server.kick(this.domId);
      serve(this.server);
    }
    const messages: string[] = [];
    while (this.inbound.length >= 16) {
      const { type, length } = decodeXsHeader(Uint8Array.from(this.inbound.slice(0, 16)));
      if (this.inbound.length < 16 + length) break;
      const payload = Uint8Array.from(this.inbound.splice(0, 16 + length).slice(16));
      messages.push(`${NAMES.get(type)} ${xsText(payload).replaceAll('\0', '|')}`);
    }
    return messages;
  }

  /** One request and all that came back. */
  ask(type: number, ...strings: string[]): string[] {
    return this.askIn(0, type, ...strings);
  }

  askIn(transactionId: number, type: number, ...strings: string[]): string[] {
    this.post(type, packXsStrings(strings), transactionId);
    serve(this.server);
    return this.take();
  }

  reconnect(): void {
    this.setWord(XS_PAGE.connection, XS_CONNECTION.RECONNECT);
    this.server.kick(this.domId);
    serve(this.server);
    this.producer = this.newProducer();
    this.consumer = this.newConsumer();
    this.inbound = [];
  }

  private newProducer(): ByteRingProducer {
    const { req: data, reqCons: cons, reqProd: prod } = XS_PAGE;
    return new ByteRingProducer(() => this.page, { data, size: 1024, cons, prod });
  }

  private newConsumer(): ByteRingConsumer {
    const { rsp: data, rspCons: cons, rspProd: prod } = XS_PAGE;
    return new ByteRingConsumer(() => this.page, { data, size: 1024, cons, prod });
  }
}

/** Serves until nobody waits; the answer is what that cost. */
export function serve(server: XenstoreServer): bigint {
  let ns = 0n;
  for (let work = server.take(); work !== null; work = server.take()) {
    ns += work.ns;
    server.finish();
  }
  return ns;
}

/** A connected domain with a home as the toolstack makes one. */
export function connectDomain(server: XenstoreServer, domId: number): Wire {
  const { store } = server;
  store.addDomain(domId);
  const home = `/local/domain/${domId}`;
  store.makeDirectory(TOOLSTACK, home);
  store.setPermissions(TOOLSTACK, home, permissionsOf('n0', `r${domId}`));
  store.makeDirectory(TOOLSTACK, `${home}/data`);
  store.setPermissions(TOOLSTACK, `${home}/data`, permissionsOf(`n${domId}`));
  return new Wire(server, domId);
}
