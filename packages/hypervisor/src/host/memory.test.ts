import { describe, expect, test } from '@jest/globals';
import { ERRNO } from '../abi/errno.js';
import type { StartInfo } from '../abi/guest.js';
import { type HypercallResult, returnCode } from '../abi/hypercall.js';
import { auditMachine } from '../fuzz/audit-machine.sim.js';
import { IMAGES } from '../guest/images.js';
import type { Host } from './host.js';
import { build, call, MS_NS, PAGE, perform, rig, script } from './memory-rig.sim.js';

function memoryMeter(host: Host): bigint {
  return host.sample().readings.find((r) => r.resourceId === 'a')?.values[2] ?? -1n;
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
