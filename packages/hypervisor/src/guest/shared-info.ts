import { EVENT_QUEUE, EVENT_WORD, type EventQueuePages } from '../abi/event.js';
import { SHARED_INFO, type SharedPage } from '../abi/shared-info.js';

const NONE: readonly number[] = [];
const { vcpuBytes, upcallPending, pendingSelector, eventPending, eventMask } = SHARED_INFO;
const { pending, masked, linked, linkMask } = EVENT_WORD;
const READY = 1 << EVENT_QUEUE.priority;
const HEAD = EVENT_QUEUE.heads + EVENT_QUEUE.priority;

/**
 * The guest's upcall over its shared info page: takes what is pending and not masked, of one vCPU or of all. The upcall
 * and selector are cleared before the bits are read and a bit before it is handled, so that nothing sent meanwhile is
 * lost. Ports come in rising order of their words.
 */
export function takePendingPorts(page: Uint8Array, vcpus: number, only?: number): readonly number[] {
  let ports: number[] | null = null;
  for (let vcpu = only ?? 0; vcpu < (only === undefined ? vcpus : only + 1); vcpu += 1) {
    const info = vcpu * vcpuBytes;
    if (page[info + upcallPending] === 0) continue;
    page[info + upcallPending] = 0;
    ports ??= [];
    for (let i = 0; i < 8; i += 1) {
      const selector = page[info + pendingSelector + i] as number;
      if (selector === 0) continue;
      page[info + pendingSelector + i] = 0;
      for (let bit = 0; bit < 8; bit += 1)
        if ((selector & (1 << bit)) !== 0) takeWord(page, i * 8 + bit, ports);
    }
  }
  return ports ?? NONE;
}

/** The pending ports of one 64-bit word of the bitmap. */
function takeWord(page: Uint8Array, word: number, ports: number[]): void {
  for (let at = word * 8; at < word * 8 + 8; at += 1) {
    const bits = (page[eventPending + at] as number) & ~(page[eventMask + at] as number);
    if (bits === 0) continue;
    page[eventPending + at] = (page[eventPending + at] as number) & ~bits;
    for (let bit = 0; bit < 8; bit += 1) if ((bits & (1 << bit)) !== 0) ports.push(at * 8 + bit);
  }
}

/** From now on the port raises no upcall. */
export function maskPort(page: SharedPage, port: number): void {
  const at = eventMask + (port >> 3);
  page.store(at, page.load(at) | (1 << (port & 7)));
}

/** Lets a port through again; true when it is pending, and the guest asks Xen (`unmask`) to raise its upcall. */
export function unmaskPort(page: SharedPage, port: number): boolean {
  const at = port >> 3;
  const bit = 1 << (port & 7);
  page.store(eventMask + at, page.load(eventMask + at) & ~bit);
  return (page.load(eventPending + at) & bit) !== 0;
}

/** A guest's way to the page: it never holds the bytes themselves, which it could take away from under Xen. */
export function sharedPageOf(bytes: Uint8Array): SharedPage {
  const has = (offset: number) => Number.isInteger(offset) && offset >= 0 && offset < SHARED_INFO.bytes;
  return {
    load: (offset) => (has(offset) ? (bytes[offset] as number) : 0),
    store: (offset, byte) => {
      if (has(offset)) bytes[offset] = byte;
    },
  };
}

/** The same for a domain with event queues: takes the ports of one vCPU's queue in the order they became pending. */
export function takeQueuedPorts(page: Uint8Array, queues: EventQueuePages, vcpu: number): readonly number[] {
  const info = vcpu * vcpuBytes;
  if (page[info + upcallPending] === 0) return NONE;
  page[info + upcallPending] = 0;
  const control = queues.controls[vcpu] as Uint32Array;
  if (((control[EVENT_QUEUE.ready] as number) & READY) === 0) return NONE;
  control[EVENT_QUEUE.ready] = (control[EVENT_QUEUE.ready] as number) & ~READY;
  const { words } = queues;
  const ports: number[] = [];
  for (let port = control[HEAD] as number; port !== 0;) {
    const word = words[port] as number;
    const taken = (word & masked) === 0 && (word & pending) !== 0;
    words[port] = (word & ~(linked | linkMask | (taken ? pending : 0))) >>> 0;
    if (taken) ports.push(port);
    port = word & linkMask;
  }
  control[HEAD] = 0;
  return ports;
}
