import { describe, expect, test } from '@jest/globals';
import { CPU_MODEL } from '../abi/cpu-model.js';
import { DOMID_SELF, type GuestImage } from '../abi/guest.js';
import { ERRNO } from '../abi/errno.js';
import { type Hypercall, type HypercallAnswer, HYPERCALL_NUMBERS, returnCode } from '../abi/hypercall.js';
import { coroutineGuest, type GuestEffect } from '../guest/coroutine.js';
import { IMAGES } from '../guest/images.js';
import { LIMITS } from '../limits.js';
import { createMemoryHost } from './memory-devices.js';

const entryNs = CPU_MODEL.guestExitNs + CPU_MODEL.hypercallEntryNs;

/** A domain that makes these calls, one after the other, and what Xen answered. */
function answersTo(calls: readonly unknown[], options: { untilNs?: bigint; privileged?: boolean } = {}) {
  const { host } = createMemoryHost({ pcpus: 1, frames: 1 << 14, xenFrames: 64, seed: 1 });
  const answers: (HypercallAnswer | undefined)[] = [];
  const image: GuestImage = {
    name: 'caller',
    boot: () =>
      coroutineGuest(function* () {
        for (const call of calls) answers.push(yield { do: 'hypercall', call } as GuestEffect);
        yield { do: 'block' };
      }),
  };
  const { privileged = false } = options;
  const built = host.createDomain({ name: 'a', id: 'a', vcpus: 1, memoryFrames: 64, image, privileged });
  if (!built.ok) throw new Error(built.detail);
  host.unpause(built.value);
  host.run(options.untilNs ?? 1_000_000_000n);
  const [reading] = host.sample().readings;
  return { host, answers, cpuNs: reading?.values[0] ?? -1n, domId: built.value };
}

const version: Hypercall = { op: 'xen_version', cmd: 'version' };

describe('the way into Xen', () => {
  test('H2 a call that does not exist is ENOSYS, whatever its name is made of', () => {
    const throwing = {
      get op() {
        throw new Error('gotcha');
      },
    };
    const calls = [
      { op: 'nonsense' },
      { op: 'toString' },
      {},
      { op: 7 },
      throwing,
      { op: 'xen_version', cmd: 'x' },
    ];
    const { answers, host } = answersTo(calls);
    expect(answers).toEqual(calls.map(() => -ERRNO.ENOSYS));
    expect(host.stats().hypercalls).toBe(calls.length);
  });

  test('H2 every name of the interface is known, and none of them throws for an empty structure', () => {
    const names = Object.keys(HYPERCALL_NUMBERS) as Hypercall['op'][];
    const { answers } = answersTo(names.map((op) => ({ op })));
    for (const [at, name] of names.entries()) {
      const answer = answers[at];
      if (name !== 'xen_version') expect([name, answer]).toEqual([name, expect.any(Number)]);
      expect([name, answer]).not.toEqual([name, undefined]);
    }
  });

  test('H1 each field of a call is read once, its name included', () => {
    const reads = new Map<string, number>();
    const watched = (object: object, name: string): unknown =>
      new Proxy(object, {
        get: (target, key) => {
          const field = `${name}.${String(key)}`;
          reads.set(field, (reads.get(field) ?? 0) + 1);
          const value: unknown = Reflect.get(target, key);
          return typeof value === 'object' && value !== null ? watched(value, field) : value;
        },
      });
    const end = { ref: 1, frame: 1, domId: DOMID_SELF, offset: 0 };
    const grant = { hostAddr: 0n, devBusAddr: 0n, handle: 0, flags: 0, ref: 8, domId: 1, frame: 5, len: 8 };
    const calls = [
      version,
      { op: 'mmuext_op', ops: [{ cmd: 'invlpg_local', mfn: 1, source: 2, entries: 0, address: 4096n }] },
      { op: 'mmu_update', requests: [{ ptr: 0n, val: 0n }] },
      { op: 'update_va_mapping', va: 0n, val: 0n, flags: 0 },
      ...['map_grant_ref', 'unmap_grant_ref', 'transfer', 'copy', 'swap_grant_ref'].map((cmd) => ({
        op: 'grant_table_op',
        cmd,
        ops: [{ ...grant, source: end, dest: end, refA: 1, refB: 2 }],
      })),
      { op: 'memory_op', cmd: 'exchange', order: 0, outOrder: 0, extents: [3], outExtents: [3] },
      { op: 'memory_op', cmd: 'populate_physmap', order: 0, extents: [3] },
      { op: 'event_channel_op', cmd: 'bind_interdomain', remoteDomId: 1, remotePort: 1 },
      { op: 'sched_op', cmd: 'poll', ports: [1], timeoutNs: 1n },
      { op: 'vcpu_op', cmd: 'set_singleshot_timer', vcpu: 0, timeoutNs: 1n, future: true },
    ];
    for (const batch of [calls, [{ op: 'multicall', calls }]]) {
      const { answers } = answersTo(batch.map((call, at) => watched(call, `${batch.length}:${at}`)));
      expect(answers).toHaveLength(batch.length);
    }
    expect(reads.size).toBeGreaterThan(100);
    expect([...reads].filter(([, times]) => times > 1)).toEqual([]);
  });

  test('H4 a call that changes its name after it was priced is the one that was priced', () => {
    const { callNs } = CPU_MODEL.hypercall.xen_version;
    let reads = 0;
    const turncoat = {
      cmd: 'write',
      bytes: Uint8Array.of(65),
      get op() {
        reads += 1;
        return reads === 1 ? 'xen_version' : 'console_io';
      },
    };
    const { answers, cpuNs } = answersTo([turncoat]);
    expect(answers).toEqual([-ERRNO.ENOSYS]);
    expect(cpuNs - answersTo([]).cpuNs).toBe(entryNs + callNs);
  });

  test('H3 a multicall answers each call on its own, in order, and one that fails does not stop the rest', () => {
    const calls = [version, { op: 'nonsense' }, null, version, { op: 'multicall', calls: [] }];
    const { answers } = answersTo([{ op: 'multicall', calls }]);
    const [{ rc, results }] = answers as unknown as [{ rc: number; results: unknown[] }];
    expect(rc).toBe(0);
    expect(results[0]).toBeGreaterThan(0);
    expect(results[3]).toBe(results[0]);
    expect(results.slice(1, 3)).toEqual([-ERRNO.ENOSYS, -ERRNO.ENOSYS]);
    expect(results[4]).toBe(-ERRNO.EINVAL);
  });

  test('H3 a multicall of too many calls is E2BIG, and nothing of it is done', () => {
    const { answers } = answersTo([{ op: 'multicall', calls: new Array(100_000).fill(version) }]);
    expect(answers).toEqual([-ERRNO.E2BIG]);
  });

  test('H3 a multicall whose answers are as long as Xen keeps does no more of its calls', () => {
    const ops = new Array(LIMITS.grantElementsMax).fill({ refA: 1, refB: 1 });
    const swaps = { op: 'grant_table_op', cmd: 'swap_grant_ref', ops };
    const { answers } = answersTo([{ op: 'multicall', calls: [swaps, version, swaps, swaps, version] }]);
    const [{ rc, results }] = answers as unknown as [{ rc: number; results: HypercallAnswer[] }];
    expect(rc).toBe(0);
    expect(results.map(returnCode)).toEqual([0, expect.any(Number), 0, -ERRNO.E2BIG, -ERRNO.E2BIG]);
    expect(returnCode(results[1])).toBeGreaterThan(0);
  });

  test('H4 calls cost what the model says, to the nanosecond', () => {
    const none = answersTo([]).cpuNs;
    const { callNs } = CPU_MODEL.hypercall.xen_version;
    expect(answersTo([version, version]).cpuNs - none).toBe(2n * (entryNs + callNs));
    expect(answersTo([{ op: 'nonsense' }]).cpuNs - none).toBe(entryNs);
    const { multicall } = CPU_MODEL.hypercall;
    const batch = { op: 'multicall', calls: new Array(50).fill(version) };
    expect(answersTo([batch]).cpuNs - none).toBe(
      entryNs + multicall.callNs + 50n * (multicall.entryNs + callNs),
    );
  });

  test('H5 a long call is paid for as it goes: cut off in the middle, it has cost what it did', () => {
    const batch = { op: 'multicall', calls: new Array(1_000).fill(version) };
    const { answers, cpuNs, host, domId } = answersTo([batch], { untilNs: 3_000_000n });
    expect(answers).toEqual([]);
    expect(cpuNs).toBeLessThanOrEqual(3_000_000n);
    expect(cpuNs).toBeGreaterThan(400_000n);
    expect(host.destroyDomain(domId).ok).toBe(true);
    host.run(1_000_000_000n);
    expect(answers).toEqual([]);
    host.sample();
  });

  test('H6 domctl and sysctl are for the control domain only', () => {
    const calls = [
      { op: 'domctl', cmd: 'getdomaininfo', domId: 1 },
      { op: 'sysctl', cmd: 'physinfo' },
    ];
    expect(answersTo(calls).answers).toEqual([-ERRNO.EPERM, -ERRNO.EPERM]);
  });

  test('H6 the control domain commands the others, and Xen answers as it does', () => {
    const { host } = createMemoryHost({ pcpus: 2, frames: 1 << 14, xenFrames: 64, seed: 1 });
    const build = (id: string, image: GuestImage, privileged: boolean) => {
      const built = host.createDomain({ name: id, id, vcpus: 1, memoryFrames: 64, image, privileged });
      if (!built.ok) throw new Error(built.detail);
      host.unpause(built.value);
      return built.value;
    };
    const subject = build('subject', IMAGES.busy, false);
    const answers: HypercallAnswer[] = [];
    const image: GuestImage = {
      name: 'control',
      boot: ({ domId }) =>
        coroutineGuest(function* () {
          const calls: Hypercall[] = [
            { op: 'domctl', cmd: 'getdomaininfo', domId: subject },
            { op: 'domctl', cmd: 'pausedomain', domId: subject },
            { op: 'domctl', cmd: 'getdomaininfo', domId: subject },
            { op: 'domctl', cmd: 'unpausedomain', domId: subject },
            { op: 'domctl', cmd: 'unpausedomain', domId: subject },
            { op: 'domctl', cmd: 'scheduler_op', domId: subject, weight: 512, cap: 50 },
            { op: 'domctl', cmd: 'scheduler_op', domId: subject, weight: 70_000 },
            { op: 'domctl', cmd: 'setvcpuaffinity', domId: subject, vcpu: 0, cpus: [1] },
            { op: 'domctl', cmd: 'getvcpuinfo', domId: subject, vcpu: 1 },
            { op: 'domctl', cmd: 'max_mem', domId: subject, frames: 32 },
            { op: 'domctl', cmd: 'pausedomain', domId },
            { op: 'domctl', cmd: 'destroydomain', domId },
            { op: 'domctl', cmd: 'getdomaininfo', domId: 999 },
            { op: 'domctl', cmd: 'destroydomain', domId: subject },
            { op: 'domctl', cmd: 'destroydomain', domId: subject },
            { op: 'sysctl', cmd: 'physinfo' },
            { op: 'sysctl', cmd: 'getcpuinfo' },
          ];
          for (const call of calls) answers.push((yield { do: 'hypercall', call }) as HypercallAnswer);
          yield { do: 'block' };
        }),
    };
    build('control', image, true);
    host.run(1_000_000_000n);
    const { EINVAL, ENOENT, ESRCH } = ERRNO;
    expect(answers.map(returnCode)).toEqual([
      0,
      0,
      0,
      0,
      -EINVAL,
      0,
      -EINVAL,
      0,
      -ENOENT,
      0,
      -EINVAL,
      -EINVAL,
      -ESRCH,
      0,
      -ESRCH,
      0,
      0,
    ]);
    expect(answers[0]).toMatchObject({ flags: 32, totPages: 64, maxPages: 64, onlineVcpus: 1, maxVcpuId: 0 });
    expect(answers[2]).toMatchObject({ flags: 8 });
    expect(answers[15]).toMatchObject({ pcpus: 2, totalPages: 1 << 14, outstandingPages: 0 });
    expect((answers[16] as unknown as { idleNs: bigint[] }).idleNs).toHaveLength(2);
    host.sample();
  });
});
