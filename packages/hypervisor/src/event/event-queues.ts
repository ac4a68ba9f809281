import { EVENT_QUEUE, EVENT_WORD, type EventQueuePages, QUEUED_PORTS } from '../abi/event.js';
import { type EventSignals, type Signal, SIGNAL } from './event-signal.js';

const WORDS_PER_FRAME = 1024;
const { pending, masked, linked, linkMask } = EVENT_WORD;
const READY = 1 << EVENT_QUEUE.priority;
const HEAD = EVENT_QUEUE.heads + EVENT_QUEUE.priority;

/**
 * Design: FIFO event channels (Xen common/event_fifo.c) for domains that talk to more peers than two levels have ports:
 * each vCPU has a queue of ports linked through their event words; Xen appends, the domain takes from the front. All
 * ports have the default priority.
 * Invariant: a port is in at most one queue (`linked`); Xen follows no link that a domain wrote.
 */
export class EventQueues implements EventSignals {
  readonly ports = QUEUED_PORTS;
  readonly pages: EventQueuePages;
  private readonly tails: number[];

  constructor(vcpus: number) {
    const controls = Array.from({ length: vcpus }, () => new Uint32Array(EVENT_QUEUE.controlWords));
    this.pages = { words: new Uint32Array(WORDS_PER_FRAME), controls };
    this.tails = controls.map(() => 0);
  }

  open(port: number): void {
    const { words } = this.pages;
    if (port < words.length) return;
    const frames = Math.max(port + 1, words.length * 2);
    const grown = new Uint32Array(Math.ceil(frames / WORDS_PER_FRAME) * WORDS_PER_FRAME);
    grown.set(words);
    this.pages.words = grown;
  }

  set(port: number, vcpu: number): Signal {
    const { words } = this.pages;
    const was = words[port] as number;
    words[port] = (was | pending) >>> 0;
    if ((was & pending) !== 0) return SIGNAL.coalesced;
    return (was & (masked | linked)) === 0 && this.link(port, vcpu) ? SIGNAL.upcall : SIGNAL.pending;
  }

  clear(port: number): void {
    const { words } = this.pages;
    words[port] = ((words[port] as number) & ~pending) >>> 0;
  }

  isPending(port: number): boolean {
    return ((this.pages.words[port] as number) & pending) !== 0;
  }

  unmask(port: number, vcpu: number): boolean {
    const { words } = this.pages;
    const now = ((words[port] as number) & ~masked) >>> 0;
    words[port] = now;
    return (now & pending) !== 0 && (now & linked) === 0 && this.link(port, vcpu);
  }

  /** Appends a port to the queue of a vCPU; true when the queue became ready by it. */
  private link(port: number, vcpu: number): boolean {
    const { words } = this.pages;
    const control = this.pages.controls[vcpu] as Uint32Array;
    words[port] = ((words[port] as number) | linked) >>> 0;
    const tail = this.tails[vcpu] as number;
    this.tails[vcpu] = port;
    const tailWord = words[tail] as number;
    if (tail !== 0 && tail !== port && (tailWord & linked) !== 0) {
      words[tail] = ((tailWord & ~linkMask) | port) >>> 0;
      return false;
    }
    // The domain has taken the last one: the queue is empty.
    control[HEAD] = port;
    if (((control[EVENT_QUEUE.ready] as number) & READY) !== 0) return false;
    control[EVENT_QUEUE.ready] = (control[EVENT_QUEUE.ready] as number) | READY;
    return true;
  }
}
