import { afterEach, describe, expect, test } from '@jest/globals';
import { assert } from '../base/assert.js';
import type { GuestImage } from '../abi/guest.js';
import { AllowanceItem } from '../allowance/allowance-item.js';
import { EventChannels } from '../event/event-channels.js';
import { GrantTable } from '../grant/grant-table.js';
import { coroutineGuest } from '../guest/coroutine.js';
import { IMAGES, type ImageName } from '../guest/images.js';
import { utf8 } from '../guest/text.js';
import type { Host } from '../host/host.js';
import { Machine } from '../host/machine.js';
import { createMemoryHost } from '../host/memory-devices.js';
import { Arguments } from '../hypercall/arguments.js';
import { FrameTable } from '../memory/frame-table.js';
import { Incarnation } from '../meter/incarnation.js';
import { Credit } from '../sched/credit.js';
import { CpuBooks } from '../sched/cpu-books.js';
import { Timers } from '../time/timers.js';
import { Xenstore } from '../xenstore/xenstore.js';
import { HostileWorld } from './hostile-world.sim.js';

/*
 * A suite that has never failed proves nothing. Each plant breaks one family of rules in a way that somebody could; the
 * hunt of that family has to find it, and finds nothing without it.
 */

const MS = 1_000_000n;
const undo: (() => void)[] = [];
afterEach(() => {
  for (const restore of undo.splice(0)) restore();
});

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** Puts another method in the place of one, for one test. */
function plant(owner: { prototype: object }, name: string, make: (original: Method) => Method): void {
  const prototype = owner.prototype as Record<string, Method>;
  const original = prototype[name];
  if (original === undefined) throw new Error(`there is no ${name} to break`);
  prototype[name] = make(original);
  undo.push(() => {
    prototype[name] = original;
  });
}

/** Every `nth` call does nothing. */
function skip(owner: { prototype: object }, name: string, nth: number): void {
  let calls = 0;
  plant(
    owner,
    name,
    (original) =>
      function (this: unknown, ...args: unknown[]) {
        calls += 1;
        return calls % nth === 0 ? undefined : original.apply(this, args);
      },
  );
}

function attacked(): void {
  const world = new HostileWorld(7);
  world.attackFor(12_000);
  world.finish();
}

function hostWith(images: Record<string, { image: GuestImage; weight?: number }>, pcpus = 1): Host {
  const { host } = createMemoryHost({ pcpus, frames: 1 << 16, xenFrames: 64, seed: 3 });
  for (const [id, { image, weight = 256 }] of Object.entries(images)) {
    const built = host.createDomain({ name: id, id, vcpus: 1, memoryFrames: 64, image, weight });
    if (!built.ok) throw new Error(built.detail);
    host.unpause(built.value);
  }
  return host;
}

function cpuOf(host: Host, id: string): number {
  return Number(host.sample().readings.find((r) => r.resourceId === id)?.values[0]);
}

const of = (name: ImageName) => ({ image: IMAGES[name] });

const hunts = {
  'a guest that sleeps until an instant wakes at it': () => {
    const lateNs: bigint[] = [];
    const image: GuestImage = {
      name: 'sleeper',
      boot: ({ systemTimeNs }) =>
        coroutineGuest(function* () {
          for (let at = 1n; at <= 5n; at += 1n) {
            yield { do: 'block', untilNs: at * 10n * MS };
            lateNs.push(systemTimeNs() - at * 10n * MS);
          }
        }),
    };
    hostWith({ sleeper: { image }, other: of('idle') }).run(100n * MS);
    assert(
      lateNs.length === 5 && lateNs.every((ns) => ns < MS / 10n),
      () => `late by ${lateNs.join(', ')} ns`,
    );
  },
  'hostile domains': attacked,
  'two busy domains of weights 256 and 512': () => {
    const host = hostWith({ a: { ...of('busy'), weight: 256 }, b: { ...of('busy'), weight: 512 } });
    host.run(20_000n * MS);
    const ratio = cpuOf(host, 'b') / cpuOf(host, 'a');
    assert(Math.abs(ratio - 2) < 2 * 4e-2, () => `shares as 1 to ${ratio}`);
  },
  'a domain on an allowance of 50 ms of CPU': () => {
    const host = hostWith({ a: of('busy') });
    host.setAllowance({
      id: 'l',
      members: ['a'],
      balance: 50n * MS,
      policy: 'pause',
      weights: [{ resourceId: 'a', meter: 'cpu.ns', state: 'any', numerator: 1n, denominator: 1n, free: 0n }],
    });
    host.run(500n * MS);
    const overshoot = cpuOf(host, 'a') - Number(50n * MS);
    assert(overshoot >= 0 && overshoot <= Number(MS) + 1, () => `paused ${overshoot} ns after the balance`);
  },
  'a guest that throws beside one that works': () => {
    const broken: GuestImage = {
      name: 'broken',
      boot: () =>
        coroutineGuest(function* () {
          yield { do: 'work', ns: 1 };
          throw new Error('broken');
        }),
    };
    const host = hostWith({ broken: { image: broken }, b: of('busy') });
    host.run(100n * MS);
    const power = host.list().map(({ id, power: state }) => `${id} ${state}`);
    assert(power.includes('broken crashed') && power.includes('b running'), () => power.join(', '));
  },
  'a page fetched from a web domain': () => {
    const { host, uplink } = createMemoryHost({ pcpus: 1, frames: 1 << 16, xenFrames: 64, seed: 3 });
    const built = host.createDomain({ name: 'w', id: 'w', vcpus: 1, memoryFrames: 64, image: IMAGES.web });
    if (!built.ok) throw new Error(built.detail);
    host.unpause(built.value);
    host.run(100n * MS);
    const connection = uplink.connect('w', 80, 1 << 16);
    assert(connection !== null, 'nobody listens');
    uplink.transmit(connection, utf8('GET / HTTP/1.1\r\nhost: w\r\n\r\n'));
    host.run(300n * MS);
    host.sample();
    assert((uplink.peers.get(connection)?.receivedBytes ?? 0) > 0, 'no answer came');
  },
  'a domain that asks xenstore for its name': () => {
    const host = hostWith({ a: of('idle') });
    host.run(50n * MS);
    const listed = host.xenstoreList('/local/domain');
    assert(listed.ok && JSON.stringify(listed.value).includes('"a"'), 'its name is not in xenstore');
  },
};
type Hunt = keyof typeof hunts;

const plants: [family: string, bug: string, hunt: Hunt, break_: () => void][] = [
  [
    'T',
    'a timer fires later than it is due',
    'a guest that sleeps until an instant wakes at it',
    () =>
      plant(
        Timers,
        'set',
        (set) =>
          function (this: unknown, ...[timer, dueNs]: unknown[]) {
            set.call(this, timer, (dueNs as bigint) + 3n * MS);
          },
      ),
  ],
  [
    'C',
    'a nanosecond of a pCPU is booked nowhere',
    'hostile domains',
    () =>
      plant(
        CpuBooks,
        'settle',
        (settle) =>
          function (this: unknown, ...[pcpu]: unknown[]) {
            settle.call(this, pcpu);
            const { books } = pcpu as { books: { ownNs: bigint } };
            if (books.ownNs % 64n === 63n) books.ownNs -= 1n;
          },
      ),
  ],
  ['M', 'a meter misses an act', 'hostile domains', () => skip(Incarnation, 'add', 5_000)],
  [
    'S',
    'weights are not looked at',
    'two busy domains of weights 256 and 512',
    () =>
      plant(
        Credit,
        'burn',
        (burn) =>
          function (this: unknown, ...[vcpu]: unknown[]) {
            const { domain } = vcpu as { domain: { weight: number } };
            const { weight } = domain;
            domain.weight = 256;
            burn.call(this, vcpu);
            domain.weight = weight;
          },
      ),
  ],
  [
    'L',
    'the frames of a destroyed domain stay its own',
    'hostile domains',
    () => skip(FrameTable, 'closeDomain', 5),
  ],
  [
    'A',
    'an allowance draws half of its price',
    'a domain on an allowance of 50 ms of CPU',
    () =>
      plant(
        AllowanceItem,
        'priceOf',
        (priceOf) =>
          function (this: unknown, ...args: unknown[]) {
            return (priceOf.apply(this, args) as bigint) / 2n;
          },
      ),
  ],
  [
    'D',
    'bytes cross a connection and are not charged',
    'a page fetched from a web domain',
    () =>
      plant(
        Incarnation,
        'add',
        (add) =>
          function (this: unknown, ...[meter, quantity]: unknown[]) {
            if (meter !== 'net.public.tx.bytes') add.call(this, meter, quantity);
          },
      ),
  ],
  [
    'G',
    'a guest that throws goes on',
    'a guest that throws beside one that works',
    () => plant(Machine, 'end', () => () => undefined),
  ],
  [
    'H',
    'a number of a guest is not checked',
    'hostile domains',
    () =>
      plant(
        Arguments,
        'integer',
        () =>
          function (this: unknown, ...[field]: unknown[]) {
            return (this as { structure: Record<string, unknown> }).structure[field as string];
          },
      ),
  ],
  ['F', 'a type reference is not given back', 'hostile domains', () => skip(FrameTable, 'putPageType', 50)],
  [
    'E',
    'the far end of a closed channel is forgotten',
    'hostile domains',
    () =>
      plant(
        EventChannels,
        'closeAny',
        (closeAny) =>
          function (this: unknown, ...[port]: unknown[]) {
            const channel = (this as { channels: { state: string }[] }).channels[port as number];
            if (channel?.state === 'interdomain') channel.state = 'ipi';
            closeAny.call(this, port);
          },
      ),
  ],
  ['R', 'a use of a grant is not ended', 'hostile domains', () => skip(GrantTable, 'unpin', 3)],
  [
    'X',
    'xenstore forgets what the toolstack writes',
    'a domain that asks xenstore for its name',
    () => plant(Xenstore, 'write', () => () => ({ ok: true, value: null })),
  ],
];

describe('planted bugs', () => {
  test.each(Object.keys(hunts) as Hunt[])('nothing is found without one: %s', (hunt) => {
    expect(hunts[hunt]).not.toThrow();
  });

  test.each(plants)('%s: %s, found by: %s', (_family, _bug, hunt, breakIt) => {
    breakIt();
    expect(hunts[hunt]).toThrow();
  });
});
