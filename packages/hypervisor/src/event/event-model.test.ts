import { describe, expect, test } from '@jest/globals';
import { Prng } from '../base/prng.js';
import {
  maskPort,
  sharedPageOf,
  takePendingPorts,
  takeQueuedPorts,
  unmaskPort,
} from '../guest/shared-info.js';
import { EventChannels } from './event-channels.js';
import { EventQueues } from './event-queues.js';

type Naive =
  { kind: 'unbound'; remote: number } | { kind: 'interdomain'; dom: number; port: number } | { kind: 'ipi' };

/** What the channels of some domains should be, in the plainest terms: a port, its state, whether it is pending. */
class Model {
  readonly ports = new Map<string, Naive>();
  readonly pending = new Set<string>();
  readonly masked = new Set<string>();

  constructor(readonly portsMax: number) {}

  lowest(dom: number): number {
    for (let port = 1; port <= this.portsMax; port += 1) if (!this.ports.has(`${dom}:${port}`)) return port;
    return -28;
  }

  close(dom: number, port: number): number {
    const key = `${dom}:${port}`;
    const state = this.ports.get(key);
    if (state === undefined) return -22;
    if (state.kind === 'interdomain')
      this.ports.set(`${state.dom}:${state.port}`, { kind: 'unbound', remote: dom });
    this.ports.delete(key);
    this.pending.delete(key);
    return 0;
  }

  send(dom: number, port: number): number {
    const state = this.ports.get(`${dom}:${port}`);
    if (state === undefined) return -22;
    if (state.kind === 'interdomain') this.pending.add(`${state.dom}:${state.port}`);
    if (state.kind === 'ipi') this.pending.add(`${dom}:${port}`);
    return 0;
  }

  take(dom: number): number[] {
    const taken = [...this.pending].filter((key) => key.startsWith(`${dom}:`) && !this.masked.has(key));
    for (const key of taken) this.pending.delete(key);
    return taken.map((key) => Number(key.split(':')[1])).sort((a, b) => a - b);
  }
}

/** Random acts on real channels and on the model; every answer, and every event taken, is the same. */
function compare(seed: number, { steps, queued }: { steps: number; queued: boolean }): void {
  const prng = new Prng(seed);
  const doms = [1, 2, 3];
  const model = new Model(12);
  const kicked = new Set<number>();
  const queues = new Map<number, EventQueues>();
  const domains = new Map(
    doms.map((domId) => {
      const events = new EventChannels(domId, 1, 12);
      if (queued) {
        queues.set(domId, new EventQueues(1));
        events.signalBy(queues.get(domId) as EventQueues);
      }
      events.hooks = {
        kick: () => kicked.add(domId),
        polled: () => undefined,
        claimVirq: () => false,
        releaseVirq: () => undefined,
      };
      return [domId, events] as const;
    }),
  );
  const eventsOf = (domId: number) => domains.get(domId) as EventChannels;
  const take = (domId: number): number[] => {
    const page = eventsOf(domId).shared.bytes;
    const queue = queues.get(domId);
    const ports = queue === undefined ? takePendingPorts(page, 1) : takeQueuedPorts(page, queue.pages, 0);
    return [...ports].sort((a, b) => a - b);
  };
  const anyTakable = (domId: number) =>
    [...model.pending].some((key) => key.startsWith(`${domId}:`) && !model.masked.has(key));
  const acts: ((dom: number, port: number) => [number, number])[] = [
    (dom) => {
      const remote = prng.pick(doms);
      const port = model.lowest(dom);
      if (port > 0) model.ports.set(`${dom}:${port}`, { kind: 'unbound', remote });
      return [eventsOf(dom).allocateUnbound(remote), port];
    },
    (dom, remotePort) => {
      const remote = prng.pick(doms);
      const far = model.ports.get(`${remote}:${remotePort}`);
      let port = model.lowest(dom);
      if (port > 0 && (far?.kind !== 'unbound' || far.remote !== dom)) port = -22;
      if (port > 0) {
        model.ports.set(`${dom}:${port}`, { kind: 'interdomain', dom: remote, port: remotePort });
        model.ports.set(`${remote}:${remotePort}`, { kind: 'interdomain', dom, port });
        model.pending.add(`${dom}:${port}`);
      }
      return [eventsOf(dom).bindInterdomain(eventsOf(remote), remotePort), port];
    },
    (dom) => {
      const port = model.lowest(dom);
      if (port > 0) model.ports.set(`${dom}:${port}`, { kind: 'ipi' });
      return [eventsOf(dom).bindIpi(0), port];
    },
    (dom, port) => [eventsOf(dom).closePort(port), model.close(dom, port)],
    (dom, port) => [eventsOf(dom).send(port), model.send(dom, port)],
    (dom, port) => [eventsOf(dom).send(port), model.send(dom, port)],
    (dom, port) => [eventsOf(dom).send(port), model.send(dom, port)],
    (dom, port) => {
      if (queued || port === 0) return [0, 0];
      maskPort(sharedPageOf(eventsOf(dom).shared.bytes), port);
      model.masked.add(`${dom}:${port}`);
      return [0, 0];
    },
    (dom, port) => {
      if (port === 0 || port > 12) return [0, 0];
      if (!queued) unmaskPort(sharedPageOf(eventsOf(dom).shared.bytes), port);
      model.masked.delete(`${dom}:${port}`);
      return [eventsOf(dom).unmask(port), 0];
    },
  ];
  for (let step = 0; step < steps; step += 1) {
    const dom = prng.pick(doms);
    const [answer, expected] = prng.pick(acts)(dom, prng.below(14));
    if (answer !== expected) throw new Error(`step ${step}: answered ${answer}, not ${expected}`);
    for (const domId of doms) {
      // No lost wake-up: what can be taken has raised an upcall.
      if (anyTakable(domId) && !eventsOf(domId).anyUpcall) throw new Error(`step ${step}: no upcall`);
      if (eventsOf(domId).anyUpcall && !kicked.has(domId)) throw new Error(`step ${step}: not kicked`);
      if (prng.below(4) > 0) continue;
      const [taken, want] = [take(domId), model.take(domId)];
      kicked.delete(domId);
      if (taken.join() !== want.join()) throw new Error(`step ${step}: took ${taken}, not ${want}`);
    }
  }
}

describe('channels beside a naive model', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'E1-E8 states, answers and taken events are those of the model, by two-level bits (seed %i)',
    (seed) => {
      expect(() => compare(seed, { steps: 8_000, queued: false })).not.toThrow();
    },
  );

  test.each([11, 12, 13, 14])('E13 the same by event queues (seed %i)', (seed) => {
    expect(() => compare(seed, { steps: 8_000, queued: true })).not.toThrow();
  });

  test('E13 event queues have room for more ports than the bitmaps, and give them in the order they came', () => {
    const events = new EventChannels(1, 1, 131_071);
    const queues = new EventQueues(1);
    events.signalBy(queues);
    const ports = Array.from({ length: 10_000 }, () => events.bindIpi(0));
    expect(ports.at(-1)).toBe(10_000);
    for (const port of [9_999, 3, 5_000, 3]) events.send(port);
    expect(takeQueuedPorts(events.shared.bytes, queues.pages, 0)).toEqual([9_999, 3, 5_000]);
    events.send(3);
    expect(takeQueuedPorts(events.shared.bytes, queues.pages, 0)).toEqual([3]);
  });
});
