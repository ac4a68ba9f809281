import { describe, expect, test } from '@jest/globals';
import { ERRNO } from '../abi/errno.js';
import { returnCode } from '../abi/hypercall.js';
import { call, frameAt, PAGE, perform } from './memory-rig.sim.js';

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
