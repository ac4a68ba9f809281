import { CPU_MODEL, perKib } from '../abi/cpu-model.js';
import type { XsMessage } from '../abi/xs-wire.js';
import { assert } from '../base/assert.js';
import { answerRequest } from './answer-request.js';
import { type ConnectionLink, XenstoreConnection } from './connection.js';
import type { Watch } from './watches.js';
import { Xenstore } from './xenstore.js';

/** A piece of work done for a domain: to be paid before it is finished. */
export interface XenstoreWork {
  domId: number;
  ns: bigint;
}

interface Step {
  connection: XenstoreConnection;
  answer: XsMessage | null;
  /** The watches that the request fired. */
  fired: { connection: XenstoreConnection; watch: Watch; path: string }[];
}

/**
 * Design: all connections of xenstored. Domains that rang wait in one queue and are served one message at a time in
 * turn. `take` does what the next message asks and says what that costs; once it is paid, `finish` sends the answer and
 * then the events that the request caused. What the toolstack changes is told at once.
 * Invariants: a domain is in the queue at most once; one step is under way at a time; what a domain writes to its page
 * closes at worst its own connection.
 */
export class XenstoreServer {
  readonly store = new Xenstore();
  /** Looks at a domain's ring, and those that found a request. */
  turns = 0;
  requests = 0;
  private readonly connections = new Map<number, XenstoreConnection>();
  private readonly ready = new Set<XenstoreConnection>();
  private step: Step | null = null;

  /** Connects a domain that the store knows (INTRODUCE). */
  connect(domId: number, link: ConnectionLink): void {
    assert(this.store.knows(domId), () => `xenstore does not know domain ${domId}`);
    assert(!this.connections.has(domId), () => `domain ${domId} is connected already`);
    const connection = new XenstoreConnection(domId, link, {
      fired: (to, watch, path) => this.fired(to, watch, path),
      failed: (failed) => this.store.reset(domId, failed),
    });
    this.connections.set(domId, connection);
  }

  /** The domain is dead: the store forgets it and what was its own. */
  disconnect(domId: number): void {
    const connection = this.connections.get(domId) ?? null;
    if (connection !== null) {
      connection.end();
      this.connections.delete(domId);
      this.ready.delete(connection);
      // What it asked for last is done, and is told; it gets no answer.
      if (this.step?.connection === connection) this.finish();
    }
    this.store.removeDomain(domId, connection);
  }

  /** The domain rang. */
  kick(domId: number): void {
    const connection = this.connections.get(domId);
    if (connection !== undefined) this.ready.add(connection);
  }

  isConnected(domId: number): boolean {
    return this.connections.has(domId);
  }

  connectionOf(domId: number): XenstoreConnection | undefined {
    return this.connections.get(domId);
  }

  /** Serves the domain whose turn it is; null when nobody waits. */
  take(): XenstoreWork | null {
    assert(this.step === null, 'a xenstore request is under way');
    const connection = this.ready.values().next().value;
    if (connection === undefined) return null;
    this.ready.delete(connection);
    const { domId } = connection;
    const { store } = this;
    this.step = { connection, answer: null, fired: [] };
    this.turns += 1;
    const touchedBefore = store.touched;
    const firedBefore = store.eventsFired;
    const { xenstore: cost } = CPU_MODEL;
    let ns = cost.kickNs;
    if (connection.asksToReconnect) {
      store.reset(domId, connection);
      connection.begin();
    }
    connection.flush();
    const message = connection.receive();
    if (message !== null) {
      this.requests += 1;
      const host = { store, isIntroduced: (id: number) => id === 0 || this.isConnected(id) };
      this.step.answer = answerRequest(host, connection, message);
      ns += cost.requestNs + perKib(cost.perKibNs, this.step.answer.payload.length);
    }
    ns += perKib(cost.perKibNs, connection.takeReadBytes());
    ns += cost.nodeNs * BigInt(store.touched - touchedBefore);
    ns += cost.watchNs * BigInt(store.eventsFired - firedBefore);
    return { domId, ns };
  }

  /** What was taken is paid for. */
  finish(): void {
    const { step } = this;
    // The domain may have died meanwhile.
    if (step === null) return;
    this.step = null;
    const { connection, answer, fired } = step;
    const dirty = new Set([connection]);
    if (answer !== null) connection.answer(answer);
    for (const { connection: to, watch, path } of fired) {
      to.tell(watch, path);
      dirty.add(to);
    }
    for (const each of dirty) each.flush();
    if (connection.mayReceive) this.ready.add(connection);
  }

  private fired(connection: XenstoreConnection, watch: Watch, path: string): void {
    if (this.step !== null) {
      this.step.fired.push({ connection, watch, path });
      return;
    }
    connection.tell(watch, path);
    connection.flush();
  }
}
