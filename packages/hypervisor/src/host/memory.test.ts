import { describe, expect, test } from '@jest/globals';
import { ERRNO } from '../abi/errno.js';
import type { GuestImage, StartInfo } from '../abi/guest.js';
import { type HypercallAnswer, type HypercallResult, returnCode } from '../abi/hypercall.js';
import { auditMachine } from '../fuzz/audit-machine.sim.js';
import { coroutineGuest, type GuestEffect, type GuestRoutine } from '../guest/coroutine.js';
import { IMAGES } from '../guest/images.js';
import type { DomainConfig } from './domain-config.js';
import type { Host } from './host.js';
import type { Machine } from './machine.js';
import { createMemoryHost } from './memory-devices.js';

const MS_NS = 1_000_000n;
const PAGE = 4096;

function rig(frames = 1 << 14) {
  const { host } = createMemoryHost({ pcpus: 1, frames, xenFrames: 64, seed: 1 });
  return { host, machine: Reflect.get(host, 'machine') as Machine };
}

function build(host: Host, config: Partial<DomainConfig> = {}): number {
  const built = host.createDomain({
    name: 'a',
    id: 'a',
    vcpus: 1,
    memoryFrames: 64,
    image: IMAGES.idle,
    ...config,
  });
  if (!built.ok) throw new Error(built.detail);
  host.unpause(built.value);
  return built.value;
}

/** Makes one call in a guest's routine. */
function* call(structure: object): GuestRoutine<HypercallAnswer | undefined> {
  return yield { do: 'hypercall', call: structure } as GuestEffect;
}

function script(run: (info: StartInfo) => GuestRoutine): GuestImage {
  return {
    name: 'script',
    boot: (info) =>
      coroutineGuest(function* () {
        yield* run(info);
        for (;;) yield { do: 'block' };
      }),
  };
}

/** Runs a guest's routine in a domain of its own and audits the machine afterwards. */
function perform(run: (info: StartInfo) => GuestRoutine, config: Partial<DomainConfig> = {}) {
  const { host, machine } = rig();
  const domId = build(host, { image: script(run), ...config });
  host.run(100n * MS_NS);
  auditMachine(machine);
  const info = host.list().find((d) => d.domId === domId);
  expect(info).toMatchObject({ power: 'running', crashMessage: '' });
  return { host, machine, domId, info };
}

function memoryMeter(host: Host): bigint {
  return host.sample().readings.find((r) => r.resourceId === 'a')?.values[2] ?? -1n;
}

function frameAt(info: StartInfo, gfn: number): number {
  const list = info.pageTables?.machineFrameList ?? -1;
  const bytes = info.memory.load(list + gfn * 8, 4) as Uint8Array;
  return new DataView(bytes.buffer).getUint32(0, true);
}

/** Every object that can be reached from `from` by properties, with the way to it. */
function reachable(from: object): Map<object, string> {
  const found = new Map<object, string>([[from, 'info']]);
  for (const [object, way] of found) {
    const values = object instanceof Map || object instanceof Set ? [...object.values()] : [];
    for (const key of Reflect.ownKeys(object)) {
      const { value } = Reflect.getOwnPropertyDescriptor(object, key) as PropertyDescriptor;
      values.push(value);
      if (typeof value === 'object' && value !== null && !found.has(value))
        found.set(value as object, `${way}.${String(key)}`);
    }
    for (const value of values)
      if (typeof value === 'object' && value !== null && !found.has(value as object))
        found.set(value as object, `${way}[]`);
  }
  return found;
}

describe('what a guest holds', () => {
  test('F9 nothing it is given leads to frames, domains, pCPUs or anything else of the host', () => {
    let info: StartInfo | null = null;
    const { host } = rig();
    expect(host.openVolume({ id: 'v', sizeBytes: 1n << 20n }).ok).toBe(true);
    build(host, {
      volumes: [{ volumeId: 'v' }],
      image: script(function* (given) {
        info = given;
        given.memory.store(0, Uint8Array.of(1));
        yield { do: 'block' };
      }),
    });
    host.run(MS_NS);
    const ways = [...reachable(info as unknown as StartInfo)].map(
      ([o, way]) => `${way}: ${o.constructor?.name}`,
    );
    const hosts =
      /: (Machine|Host|Domain|Vcpu|FrameTable|FrameRecords|AddressSpace|Scheduler|EventChannels|.*Backend|.*Server|Toolstack|Devices)$/;
    expect(ways.filter((way) => hosts.test(way))).toEqual([]);
  });
});

describe('reservation', () => {
  test('F12 reservation calls answer how many extents they did, never an errno', () => {
    const seen: unknown[] = [];
    perform(
      function* () {
        const op = 'memory_op';
        seen.push(yield* call({ op, cmd: 'decrease_reservation', extents: [3, 4, 4, 5] }));
        seen.push(yield* call({ op, cmd: 'populate_physmap', extents: [3, 4, 80, 81] }));
        seen.push(yield* call({ op, cmd: 'populate_physmap', extents: [3] }));
        seen.push(yield* call({ op, cmd: 'increase_reservation', count: 1, domId: 9999 }));
        seen.push(yield* call({ op, cmd: 'increase_reservation', count: 1, order: 10 }));
        seen.push(yield* call({ op, cmd: 'decrease_reservation', extents: 'all' }));
        seen.push(yield* call({ op, cmd: 'decrease_reservation', extents: [5, 'six', 7] }));
        seen.push(yield* call({ op, cmd: 'current_reservation' }));
        seen.push(yield* call({ op, cmd: 'maximum_reservation', domId: 9999 }));
        seen.push(yield* call({ op, cmd: 'claim_pages', pages: 5 }));
      },
      { memoryFramesMax: 65 },
    );
    const codes = seen.map(returnCode);
    // Two given back; three fit below the maximum; the slot is taken; the rest is refused as a whole.
    expect(codes).toEqual([2, 3, 0, 0, 0, 0, 1, 64, -ERRNO.ESRCH, -ERRNO.EPERM]);
  });

  test('F2 F13 a frame given back while somebody maps it stays owned and paid for until they let go', () => {
    const { host, machine, domId } = perform(function* (info) {
      info.memory.store(3 * PAGE, Uint8Array.of(7));
      yield { do: 'block' };
      expect(yield* call({ op: 'memory_op', cmd: 'decrease_reservation', extents: [3] })).toMatchObject({
        rc: 1,
      });
    });
    const { frames } = machine;
    const domain = machine.domains.get(domId);
    const mfn = domain?.space.machineFrameOf(3) as number;
    expect(frames.getPage(mfn, domId)).toBe(true);
    domain?.events.markUpcall(0);
    host.run(200n * MS_NS);
    const owned = () => host.list().find((d) => d.domId === domId)?.memoryFrames;
    expect(domain?.space.machineFrameOf(3)).toBeNull();
    expect(owned()).toBe(64);
    expect(frames.bytesOf(mfn)[0]).toBe(7);
    const before = memoryMeter(host);
    host.run(201n * MS_NS);
    expect(memoryMeter(host) - before).toBe(64n * MS_NS);
    frames.putPage(mfn);
    expect(owned()).toBe(63);
    expect(frames.ownerOf(mfn)).toBeNull();
    host.run(202n * MS_NS);
    expect(memoryMeter(host) - before).toBe(127n * MS_NS);
  });

  test('F4 whoever gets a frame finds zeros', () => {
    const found: unknown[] = [];
    perform(function* (info) {
      info.memory.store(5 * PAGE, new Uint8Array(PAGE).fill(9));
      yield* call({ op: 'memory_op', cmd: 'decrease_reservation', extents: [5] });
      found.push(info.memory.load(5 * PAGE, 8));
      const { frames } = (yield* call({
        op: 'memory_op',
        cmd: 'populate_physmap',
        extents: [5],
      })) as HypercallResult;
      found.push((frames as number[]).length, info.memory.load(5 * PAGE, 8));
    });
    expect(found).toEqual([null, 1, new Uint8Array(8)]);
  });

  test('F12 exchange gives single frames for a block, and all or nothing of a chunk', () => {
    const seen: unknown[] = [];
    perform(function* (info) {
      const op = 'memory_op';
      info.memory.store(4 * PAGE, Uint8Array.of(1));
      seen.push(
        yield* call({ op, cmd: 'exchange', extents: [4, 5, 6, 7], outExtents: [4], outOrder: 2 }),
        yield* call({ op, cmd: 'exchange', extents: [8, 500], outExtents: [8], outOrder: 1 }),
        yield* call({ op, cmd: 'exchange', extents: [8], outExtents: [8], outOrder: 1 }),
        yield* call({ op, cmd: 'exchange', extents: [8], outExtents: [8], outOrder: 10 }),
      );
      expect(info.memory.load(4 * PAGE, 1)).toEqual(Uint8Array.of(0));
      expect(info.memory.load(8 * PAGE, 1)).toEqual(Uint8Array.of(0));
    });
    expect(seen.map(returnCode)).toEqual([0, -ERRNO.EINVAL, -ERRNO.EINVAL, -ERRNO.EPERM]);
    const [block] = (seen[0] as { frames: number[] }).frames as [number];
    expect(block % 4).toBe(0);
  });

  test('F14 promised frames are given to nobody else, and a claim ends with 0', () => {
    const { host, machine } = rig(1 << 14);
    const target = build(host, { id: 'target', name: 'target', memoryFramesMax: 100_000 });
    const free = machine.frames.freeFrames - 64;
    const seen: unknown[] = [];
    const claim = (pages: number) => call({ op: 'memory_op', cmd: 'claim_pages', domId: target, pages });
    build(host, {
      id: 'control',
      privileged: true,
      image: script(function* () {
        for (const pages of [64, 200_000, 64 + free + 1, 64 + free - 10, 70]) seen.push(yield* claim(pages));
        yield { do: 'block' };
        seen.push(yield* claim(0));
      }),
    });
    host.run(50n * MS_NS);
    expect(seen).toEqual([-ERRNO.EINVAL, -ERRNO.EINVAL, -ERRNO.ENOMEM, 0, -ERRNO.EINVAL]);
    const other = { name: 'o', id: 'o', vcpus: 1, image: IMAGES.idle };
    expect(host.createDomain({ ...other, memoryFrames: 11 })).toMatchObject({ ok: false, errno: 'ENOMEM' });
    expect(host.createDomain({ ...other, memoryFrames: 10 })).toMatchObject({ ok: true });
    machine.domainsById.get('control')?.events.markUpcall(0);
    host.run(100n * MS_NS);
    expect(seen.at(-1)).toBe(0);
    expect(host.createDomain({ ...other, id: 'p', memoryFrames: 11 })).toMatchObject({ ok: true });
  });
});

describe('maximum and target', () => {
  test('F13 a guest balloons to its target, the meter follows at the instant, and the toolstack cuts', () => {
    const { host } = rig();
    const domId = build(host, { image: IMAGES.balloon, memoryFrames: 2_000, memoryFramesMax: 3_000 });
    host.run(MS_NS);
    host.drainEvents();
    const owned = () => host.list().find((d) => d.domId === domId)?.memoryFrames;
    for (const target of [500, 2_000, 3_000, 1_999]) {
      expect(host.setMemoryTarget(domId, target)).toMatchObject({ ok: true });
      expect(host.drainEvents().map((e) => e.type)).toEqual(['domain.resized']);
      host.run(host.nowNs + 100n * MS_NS);
      expect(owned()).toBe(target);
      expect(host.drainEvents()).toEqual([]);
      const before = memoryMeter(host);
      host.run(host.nowNs + MS_NS);
      expect(memoryMeter(host) - before).toBe(BigInt(target) * MS_NS);
    }
    expect(host.setMemoryTarget(domId, 3_001)).toMatchObject({ ok: false, errno: 'EINVAL' });
    expect(host.setMemoryTarget(domId + 7, 1)).toMatchObject({ ok: false, errno: 'ESRCH' });
  });

  test('F13 below a maximum set under what it owns a domain gets nothing until it has shrunk', () => {
    const { host } = rig();
    const domId = build(host, { image: IMAGES.balloon, memoryFrames: 1_000, memoryFramesMax: 2_000 });
    const owned = () => host.list().find((d) => d.domId === domId)?.memoryFrames;
    expect(host.setMaxMemory(domId, 600)).toMatchObject({ ok: true });
    host.run(MS_NS);
    expect(owned()).toBe(1_000);
    host.setMemoryTarget(domId, 550);
    host.run(20n * MS_NS);
    expect(owned()).toBe(550);
    host.setMaxMemory(domId, 2_000);
    host.setMemoryTarget(domId, 900);
    host.setMaxMemory(domId, 580);
    host.run(40n * MS_NS);
    expect(owned()).toBe(580);
    expect(host.setMaxMemory(domId, 0)).toMatchObject({ ok: false, errno: 'EINVAL' });
  });
});

describe('a domain that is gone', () => {
  test('F15 frames others refer to are zombies: not free, paid by nobody, their number not given again', () => {
    const { host, machine } = rig();
    const domId = build(host);
    const { frames } = machine;
    const mfn = machine.domains.get(domId)?.space.machineFrameOf(0) as number;
    const free = frames.freeFrames;
    expect(frames.getPageAndType(mfn, domId, 'writable')).toBe(true);
    host.run(MS_NS);
    host.destroyDomain(domId);
    expect(host.sample().balance.frames).toMatchObject({ zombieFrames: 1, freeFrames: free + 63 });
    expect(frames.knows(domId)).toBe(true);
    frames.putPageAndType(mfn, 'writable');
    expect(host.sample().balance.frames).toMatchObject({ zombieFrames: 0, freeFrames: free + 64 });
    expect(frames.knows(domId)).toBe(false);
    auditMachine(machine);
  });
});

describe('page tables by hypercall', () => {
  const BITS = 7n;

  test('F5 F7 F8 the oracle: own L1 writable refused, read-only allowed, pinned twice refused, unpinned is writable', () => {
    const seen: unknown[] = [];
    perform(
      function* (info) {
        const table = frameAt(info, 10);
        const pin = { op: 'mmuext_op', ops: [{ cmd: 'pin_l1_table', mfn: table }] };
        const unpin = { op: 'mmuext_op', ops: [{ cmd: 'unpin_table', mfn: table }] };
        const map = (bits: bigint) =>
          call({ op: 'update_va_mapping', va: 10 * PAGE, val: (BigInt(table) << 12n) | bits });
        const write = (at: number, val: bigint) =>
          call({ op: 'mmu_update', requests: [{ ptr: BigInt(table * PAGE + at * 8), val }] });
        seen.push(yield* call(pin)); // It is mapped writable.
        seen.push(yield* map(5n), yield* call(pin), yield* call(pin), yield* map(BITS));
        expect(info.memory.store(10 * PAGE, Uint8Array.of(1))).toBe(false);
        // An entry that maps the table itself.
        seen.push(yield* write(0, (BigInt(table) << 12n) | 7n), yield* write(0, (BigInt(table) << 12n) | 5n));
        seen.push(yield* write(1, (64n << 12n) | 5n));
        seen.push(yield* call(unpin), yield* call(unpin), yield* map(BITS));
        expect(info.memory.store(10 * PAGE, Uint8Array.of(0))).toBe(true);
      },
      { pageTables: true },
    );
    const bad = -ERRNO.EINVAL;
    expect(seen.map(returnCode)).toEqual([bad, 0, 0, bad, bad, bad, 0, bad, 0, bad, 0]);
  });

  test('F7 a batch of five with a bad third does two and says so', () => {
    let answer: unknown;
    perform(
      function* (info) {
        // The first tables are the last frames of memory: the top level, L3, L2, L1.
        const l1 = frameAt(info, 60);
        const requests = [1, 2, 3, 4, 5].map((gfn) => ({
          ptr: BigInt(l1 * PAGE + gfn * 8),
          val: (BigInt(gfn === 3 ? 64 : frameAt(info, gfn)) << 12n) | 5n,
        }));
        answer = yield* call({ op: 'mmu_update', requests });
        const writable = [1, 2, 3, 4].map((gfn) => info.memory.store(gfn * PAGE, Uint8Array.of(1)));
        expect(writable).toEqual([false, false, true, true]);
      },
      { pageTables: true },
    );
    expect(answer).toEqual({ rc: -ERRNO.EINVAL, done: 2 });
  });

  test('F6 a recursive entry of the top level is allowed read-only, refused writable, and Xen has its slots', () => {
    const seen: unknown[] = [];
    perform(
      function* (info) {
        const top = frameAt(info, 63);
        const write = (slot: number, bits: bigint) =>
          call({
            op: 'mmu_update',
            requests: [{ ptr: BigInt(top * PAGE + slot * 8), val: (BigInt(top) << 12n) | bits }],
          });
        seen.push(yield* write(500, 7n), yield* write(500, 5n), yield* write(256, 5n), yield* write(271, 0n));
        // The tables seen through themselves: reading works, writing does not.
        const window = BigInt.asUintN(64, (-1n << 48n) | (500n << 39n));
        expect(info.memory.load(window, 8)).not.toBeNull();
        expect(info.memory.store(window, Uint8Array.of(0))).toBe(false);
      },
      { pageTables: true },
    );
    expect(seen.map(returnCode)).toEqual([-ERRNO.EINVAL, 0, -ERRNO.EPERM, -ERRNO.EPERM]);
  });

  test('F7 auto-translated domains have no page tables, foreign domains are for the privileged', () => {
    const seen: unknown[] = [];
    perform(function* () {
      seen.push(
        yield* call({ op: 'mmu_update', requests: [{ ptr: 0n, val: 0n }] }),
        yield* call({ op: 'update_va_mapping', va: 0n, val: 0n }),
        yield* call({ op: 'mmuext_op', ops: [{ cmd: 'pin_l1_table', mfn: 1 }] }),
        yield* call({ op: 'mmuext_op', foreignDomId: 1, ops: [{ cmd: 'pin_l1_table', mfn: 1 }] }),
        yield* call({ op: 'mmu_update', foreignDomId: 77, requests: [{ ptr: 0n, val: 0n }] }),
        yield* call({ op: 'mmuext_op', ops: [{ cmd: 'dance' }] }),
        yield* call({ op: 'mmu_update', requests: [] }),
      );
    });
    const none = -ERRNO.EOPNOTSUPP;
    expect(seen.map(returnCode)).toEqual([none, none, none, -ERRNO.EPERM, -ERRNO.ESRCH, -ERRNO.ENOSYS, 0]);
  });

  test('F8 a vCPU moves to tables of its own making and keeps what they map', () => {
    const seen: unknown[] = [];
    perform(
      function* (info) {
        // A second top level, with the L3 of the first one.
        const [fresh, old] = [frameAt(info, 20), frameAt(info, 63)];
        seen.push(yield* call({ op: 'update_va_mapping', va: 20 * PAGE, val: 0n }));
        const l3 = BigInt(frameAt(info, 62)) << 12n;
        seen.push(yield* call({ op: 'mmu_update', requests: [{ ptr: BigInt(fresh * PAGE), val: l3 | 7n }] }));
        const base = { op: 'mmuext_op', ops: [{ cmd: 'new_baseptr', mfn: fresh }] };
        seen.push(yield* call(base));
        seen.push(yield* call({ op: 'mmuext_op', ops: [{ cmd: 'unpin_table', mfn: old }] }));
        expect(info.memory.store(PAGE, Uint8Array.of(5))).toBe(true);
        expect(info.memory.load(PAGE, 1)).toEqual(Uint8Array.of(5));
        seen.push(yield* call({ op: 'mmuext_op', ops: [{ cmd: 'new_baseptr', mfn: frameAt(info, 1) }] }));
      },
      { pageTables: true },
    );
    expect(seen.map(returnCode)).toEqual([0, 0, 0, 0, -ERRNO.EINVAL]);
  });

  test('F9 an access that faults anywhere does nothing, and nothing outside memory is reached', () => {
    for (const pageTables of [false, true]) {
      const { machine } = perform(
        function* (info) {
          const { memory } = info;
          const end = 64 * PAGE;
          expect(memory.store(end - 2, Uint8Array.of(1, 1, 1))).toBe(false);
          expect(memory.load(end - 2, 2)).toEqual(new Uint8Array(2));
          const wild = [-1, 1.5, Number.NaN, 2 ** 60, 1n << 63n, -1n, 1n << 47n, 'x', {}, null];
          for (const address of wild) expect(memory.load(address as number, 8)).toBeNull();
          for (const length of [-1, 1.5, 2 ** 31]) expect(memory.load(0, length)).toBeNull();
          expect(memory.store(0, 'text' as unknown as Uint8Array)).toBe(false);
          yield { do: 'block' };
        },
        { pageTables },
      );
      expect([...machine.frames.ownedBy(machine.domainsById.get('a')?.identity.domId ?? 0)]).toHaveLength(64);
    }
  });

  test('F11 what Xen writes to cannot become a page table', () => {
    const seen: unknown[] = [];
    const { machine, domId } = perform(
      function* (info) {
        for (let gfn = info.ordinaryFrames; gfn < 58; gfn += 1) {
          const mfn = frameAt(info, gfn);
          yield* call({ op: 'update_va_mapping', va: gfn * PAGE, val: 0n });
          seen.push(yield* call({ op: 'mmuext_op', ops: [{ cmd: 'pin_l1_table', mfn }] }));
        }
      },
      { pageTables: true },
    );
    const kernel = machine.domains.get(domId)?.space.kernelFrames().length ?? 0;
    expect(kernel).toBeGreaterThan(0);
    expect(seen.filter((answer) => returnCode(answer) === -ERRNO.EINVAL).length).toBeGreaterThanOrEqual(
      Math.min(kernel, seen.length),
    );
  });
});
