import { describe, expect, test } from '@jest/globals';
import { CPU_MODEL } from '../abi/cpu-model.js';
import { ERRNO } from '../abi/errno.js';
import { GNTCOPY, GNTMAP, GNTST } from '../abi/grant.js';
import { DOMID_SELF, type GuestImage, type StartInfo } from '../abi/guest.js';
import type { HypercallAnswer } from '../abi/hypercall.js';
import { coroutineGuest, type GuestEffect, type GuestRoutine } from '../guest/coroutine.js';
import { type GrantResult, GuestGrants, grantTableOp } from '../guest/grants.js';
import type { DomainConfig } from './domain-config.js';
import type { Host } from './host.js';
import { createMemoryHost } from './memory-devices.js';

const MS = 1_000_000n;
const FRAME = 4096;
const COST = CPU_MODEL.hypercall.grant_table_op;

function hostOf(): Host {
  return createMemoryHost({ pcpus: 2, frames: 1 << 14, xenFrames: 64, seed: 3 }).host;
}

function guest(run: (info: StartInfo) => GuestRoutine): GuestImage {
  return {
    name: 'granting',
    boot: (info) =>
      coroutineGuest(function* () {
        yield* run(info);
        for (;;) yield { do: 'block' };
      }),
  };
}

function start(
  host: Host,
  id: string,
  run: (info: StartInfo) => GuestRoutine,
  more: Partial<DomainConfig> = {},
) {
  const built = host.createDomain({ name: id, id, vcpus: 1, memoryFrames: 64, image: guest(run), ...more });
  if (!built.ok) throw new Error(built.detail);
  host.unpause(built.value);
  return built.value;
}

/** A domain that grants frame 5 to whoever has the number `to`, and tells the reference. */
function granter(host: Host, to: number, told: { ref?: number; grants?: GuestGrants }, options = {}) {
  return start(host, 'granter', function* (info) {
    const grants = yield* GuestGrants.setUp(info.memory, 1);
    if (typeof grants === 'number') throw new Error(`setup_table: ${grants}`);
    info.memory.store(5 * FRAME, Uint8Array.of(11, 22, 33));
    told.grants = grants;
    told.ref = grants.grantAccess(to, 5, options) as number;
  });
}

const call = (cmd: string, ops: unknown, more: object = {}): GuestEffect =>
  ({ do: 'hypercall', call: { op: 'grant_table_op', cmd, ops, ...more } }) as GuestEffect;

const infoOf = (host: Host, domId: number) => host.list().find((d) => d.domId === domId)!;
/** Domains of these hosts are numbered after the drivers. */
const nextDomId = (host: Host): number => Math.max(...host.list().map((d) => d.domId)) + 1;

describe('grants between running domains', () => {
  test('R14 a guest grants, another maps by hypercall and both see one frame, which revoking cannot take', () => {
    const host = hostOf();
    const told: { ref?: number; grants?: GuestGrants } = {};
    const mapperId = nextDomId(host) + 1;
    const granterId = granter(host, mapperId, told);
    host.run(5n * MS);
    const seen: unknown[] = [];
    let unmap = false;
    start(host, 'mapper', function* (info) {
      const hostAddr = 70n * 4096n;
      const mapped = (yield* grantTableOp('map_grant_ref', [
        { hostAddr, flags: GNTMAP.hostMap, ref: told.ref, domId: granterId },
      ])) as GrantResult[];
      seen.push(mapped[0]?.status, [...(info.memory.load(hostAddr, 3) ?? [])]);
      info.memory.store(hostAddr, Uint8Array.of(77));
      while (!unmap) yield { do: 'block', untilNs: info.systemTimeNs() + MS };
      const ops = [{ hostAddr, devBusAddr: 0n, handle: mapped[0]?.handle }];
      seen.push((yield* grantTableOp('unmap_grant_ref', ops)) as unknown);
      seen.push(info.memory.load(hostAddr, 3));
    });
    host.run(20n * MS);
    expect(seen).toEqual([GNTST.okay, [11, 22, 33]]);
    expect([infoOf(host, mapperId).grantFramesHeld, infoOf(host, granterId).grantFramesLent]).toEqual([1, 1]);
    expect(told.grants?.endAccess(told.ref!)).toBe(false);
    unmap = true;
    host.run(30n * MS);
    expect(seen.slice(2)).toEqual([[{ status: GNTST.okay }], null]);
    expect(told.grants?.endAccess(told.ref!)).toBe(true);
    expect([infoOf(host, mapperId).grantFramesHeld, infoOf(host, granterId).grantFramesLent]).toEqual([0, 0]);
    host.sample();
  });

  test('R12 a destroyed granter leaves one frame, charged to nobody, until the mapper is destroyed', () => {
    const host = hostOf();
    const told: { ref?: number } = {};
    const mapperId = nextDomId(host) + 1;
    const granterId = granter(host, mapperId, told);
    host.run(5n * MS);
    start(host, 'mapper', function* () {
      const op = { hostAddr: 70n * 4096n, flags: GNTMAP.hostMap, ref: told.ref, domId: granterId };
      yield* grantTableOp('map_grant_ref', [op]);
    });
    host.run(10n * MS);
    const free = host.sample().balance.frames.freeFrames;
    expect(host.destroyDomain(granterId).ok).toBe(true);
    expect(host.sample().balance.frames).toMatchObject({ zombieFrames: 1, freeFrames: free + 63 });
    expect(host.destroyDomain(mapperId).ok).toBe(true);
    expect(host.sample().balance.frames).toMatchObject({ zombieFrames: 0, freeFrames: free + 64 + 64 });
  });

  test('R12 a frame given back while it is mapped is charged for, and not used, until the mapper lets go', () => {
    const host = hostOf();
    const told: { ref?: number } = {};
    const mapperId = nextDomId(host) + 1;
    let giveBack = false;
    let given: unknown;
    const granterId = start(host, 'granter', function* (info) {
      const grants = (yield* GuestGrants.setUp(info.memory, 1)) as GuestGrants;
      told.ref = grants.grantAccess(mapperId, 5) as number;
      while (!giveBack) yield { do: 'block', untilNs: info.systemTimeNs() + MS };
      given = yield { do: 'hypercall', call: { op: 'memory_op', cmd: 'decrease_reservation', extents: [5] } };
    });
    host.run(5n * MS);
    let unmap = false;
    start(host, 'mapper', function* (info) {
      const hostAddr = 70n << 12n;
      const op = { hostAddr, flags: GNTMAP.hostMap, ref: told.ref, domId: granterId };
      const [mapped] = (yield* grantTableOp('map_grant_ref', [op])) as GrantResult[];
      while (!unmap) yield { do: 'block', untilNs: info.systemTimeNs() + MS };
      yield* grantTableOp('unmap_grant_ref', [{ hostAddr, handle: mapped?.handle }]);
    });
    host.run(10n * MS);
    const free = host.sample().balance.frames.freeFrames;
    giveBack = true;
    host.run(20n * MS);
    expect(given).toMatchObject({ rc: 1 });
    expect([infoOf(host, granterId).memoryFrames, host.sample().balance.frames.freeFrames]).toEqual([
      64,
      free,
    ]);
    unmap = true;
    host.run(30n * MS);
    expect([infoOf(host, granterId).memoryFrames, host.sample().balance.frames.freeFrames]).toEqual([
      63,
      free + 1,
    ]);
  });

  test('R10 a page flip moves the memory meter of both domains at that instant', () => {
    const host = hostOf();
    const receiverId = nextDomId(host);
    const told: { ref?: number } = {};
    start(
      host,
      'receiver',
      function* (info) {
        const grants = (yield* GuestGrants.setUp(info.memory, 1)) as GuestGrants;
        told.ref = grants.acceptTransfer(receiverId + 1, 90) as number;
      },
      { memoryFramesMax: 65 },
    );
    host.run(5n * MS);
    let result: unknown;
    start(host, 'sender', function* () {
      result = yield* grantTableOp('transfer', [{ frame: 5, domId: receiverId, ref: told.ref }]);
    });
    host.run(10n * MS);
    expect(result).toEqual([{ status: GNTST.okay }]);
    expect([infoOf(host, receiverId).memoryFrames, infoOf(host, receiverId + 1).memoryFrames]).toEqual([
      65, 63,
    ]);
    const before = host.sample();
    host.run(11n * MS);
    const after = host.sample();
    const grew = (id: string) => {
      const of = ({ readings }: typeof after) => readings.find((r) => r.resourceId === id)?.values[2] ?? 0n;
      return of(after) - of(before);
    };
    expect([grew('receiver'), grew('sender')]).toEqual([65n * MS, 63n * MS]);
  });
});

describe('the hypercall', () => {
  /** What Xen answers to these calls of one domain. */
  function answers(calls: readonly GuestEffect[], more: Partial<DomainConfig> = {}) {
    const host = hostOf();
    const got: (HypercallAnswer | undefined)[] = [];
    const run = function* (): GuestRoutine {
      for (const each of calls) got.push(yield each);
    };
    const domId = start(host, 'caller', run, more);
    host.run(2_000n * MS);
    const cpuNs = host.sample().readings[0]?.values[0] ?? 0n;
    return { got, domId, host, cpuNs };
  }
  const self = { domId: DOMID_SELF };

  test('R14 each element has a status of its own; what cannot be read ends the call after those before it', () => {
    const bad = { hostAddr: 0n, flags: 0, ref: 8, domId: 1 };
    const poison = {
      get hostAddr(): never {
        throw new Error('gotcha');
      },
    };
    const { got } = answers([
      call('map_grant_ref', [bad, { ...bad, flags: 2, domId: 99 }]),
      call('map_grant_ref', [bad, poison, bad]),
      call('map_grant_ref', [bad, { ...bad, ref: -1 }]),
      call('unmap_grant_ref', [{ hostAddr: 0n, handle: 7 }]),
    ]);
    const none = { handle: 0, devBusAddr: 0n };
    const refused = { status: GNTST.bad_gntref, ...none };
    expect(got).toEqual([
      { rc: 0, results: [refused, { status: GNTST.bad_domain, ...none }] },
      { rc: -ERRNO.EFAULT, results: [refused] },
      { rc: -ERRNO.EINVAL, results: [refused] },
      { rc: 0, results: [{ status: GNTST.bad_handle }] },
    ]);
  });

  test('R14 commands that are not there, lists that are none, too long or not of one', () => {
    const { got } = answers([
      call('cache_flush', []),
      call('unmap_and_replace', []),
      call('get_status_frames', [self]),
      call('map_grant_ref', 7),
      call('map_grant_ref', new Array(32_769)),
      call('map_grant_ref', []),
      call('setup_table', [
        { ...self, nrFrames: 1 },
        { ...self, nrFrames: 1 },
      ]),
    ]);
    expect(got).toEqual([
      -ERRNO.ENOSYS,
      -ERRNO.EOPNOTSUPP,
      -ERRNO.EOPNOTSUPP,
      -ERRNO.EFAULT,
      -ERRNO.E2BIG,
      { rc: 0, results: [] },
      -ERRNO.EINVAL,
    ]);
  });

  test('R15 setup_table and query_size: up to the maximum, for oneself; others are for privileged domains', () => {
    const { got, domId } = answers(
      [
        call('query_size', [self]),
        call('setup_table', [{ ...self, nrFrames: 3 }]),
        call('query_size', [{ domId: hostOf().list().length + 1 }]),
        call('setup_table', [{ ...self, nrFrames: 4 }]),
        call('query_size', [{ domId: 1 }]),
        call('setup_table', [{ domId: 99, nrFrames: 1 }]),
        call('dump_table', [self]),
      ],
      { maxGrantFrames: 3, memoryFramesMax: 66 },
    );
    const sizes = (nrFrames: number) => ({ rc: 0, results: [{ status: 0, nrFrames, maxNrFrames: 3 }] });
    expect(domId).toBe(hostOf().list().length + 1);
    expect(got[0]).toEqual(sizes(1));
    expect(got[1]).toMatchObject({ rc: 0, results: [{ status: 0, frameList: [62, 64, 65] }] });
    expect(got[2]).toEqual(sizes(3));
    expect(got[3]).toMatchObject({ results: [{ status: GNTST.general_error, frameList: [] }] });
    expect(got[4]).toMatchObject({ results: [{ status: GNTST.permission_denied }] });
    expect(got[5]).toMatchObject({ results: [{ status: GNTST.bad_domain }] });
    expect(got[6]).toEqual(-ERRNO.EPERM);
    const control = answers([call('query_size', [{ domId: 1 }]), call('dump_table', [self])], {
      privileged: true,
    });
    expect(control.got).toMatchObject([
      { results: [{ status: 0, nrFrames: 1 }] },
      { rc: 0, results: [{ status: 0, nrFrames: 1, inUse: 0, grants: [] }] },
    ]);
  });

  test('R15 a table that the domain has no room for is refused', () => {
    const { got } = answers([call('setup_table', [{ ...self, nrFrames: 2 }])]);
    expect(got).toMatchObject([{ rc: 0, results: [{ status: GNTST.general_error }] }]);
  });

  test('R15 version 1 is the only one', () => {
    const { got } = answers([
      call('get_version', [self]),
      call('set_version', [{ version: 1 }]),
      call('set_version', [{ version: 2 }]),
      call('set_version', [{ version: 3 }]),
      call('get_version', [{ domId: 99 }]),
      call('get_version', [{ domId: 1 }]),
      call('swap_grant_ref', [
        { refA: 8, refB: 9 },
        { refA: 8, refB: 9999 },
      ]),
    ]);
    expect(got).toEqual([
      { rc: 0, version: 1 },
      { rc: 0, version: 1 },
      { rc: -ERRNO.ENOSYS, version: 1 },
      -ERRNO.EINVAL,
      -ERRNO.ESRCH,
      -ERRNO.EPERM,
      { rc: 0, results: [{ status: 0 }, { status: GNTST.bad_gntref }] },
    ]);
  });

  test('R14 every element costs what the CPU model says, done or refused, and copies their KiB too', () => {
    const copy = {
      source: { frame: 4, domId: DOMID_SELF, offset: 0 },
      dest: { frame: 5, domId: DOMID_SELF, offset: 0 },
      len: 2049,
      flags: 0,
    };
    const none = answers([call('copy', [])]).cpuNs;
    expect(answers([call('copy', [copy, copy, copy])]).cpuNs - none).toBe(
      3n * (COST.copyNs + 3n * COST.copyPerKibNs),
    );
    const bad = { hostAddr: 0n, flags: 0, ref: 8, domId: 1 };
    expect(answers([call('map_grant_ref', [bad, bad])]).cpuNs - none).toBe(2n * COST.mapNs);
    expect(answers([call('unmap_grant_ref', [{ hostAddr: 0n, handle: 1 }])]).cpuNs - none).toBe(COST.unmapNs);
  });

  test('R14 a huge list is done in chunks: others run meanwhile, and its caller dies in the middle of it', () => {
    const host = createMemoryHost({ pcpus: 1, frames: 1 << 14, xenFrames: 64, seed: 3 }).host;
    const domId = nextDomId(host);
    const told: { ref?: number } = {};
    const granterId = granter(host, domId + 1, told);
    host.run(5n * MS);
    let answered = false;
    start(host, 'caller', function* () {
      const ops = Array.from({ length: 20_000 }, (_, at) => ({
        hostAddr: BigInt(64 + (at % 1_000)) << 12n,
        flags: GNTMAP.hostMap | GNTMAP.readonly,
        ref: told.ref,
        domId: granterId,
      }));
      yield call('map_grant_ref', ops);
      answered = true;
    });
    let turns = 0;
    start(host, 'other', function* (info) {
      for (;;) {
        turns += 1;
        yield { do: 'block', untilNs: info.systemTimeNs() + MS };
      }
    });
    host.run(60n * MS);
    expect(answered).toBe(false);
    expect(turns).toBeGreaterThan(20);
    expect(infoOf(host, domId + 1).grantFramesHeld).toBe(1);
    host.destroyDomain(domId + 1);
    expect(infoOf(host, granterId).grantFramesLent).toBe(0);
    host.run(200n * MS);
    host.sample();
  });

  test('R14 a hostile caller gets nothing of others by reserved, foreign or guessed references and handles', () => {
    const host = hostOf();
    const victimId = granter(host, 0x7fef, {});
    host.run(5n * MS);
    const statuses = new Set<unknown>();
    const attackerId = nextDomId(host);
    start(host, 'attacker', function* () {
      for (let ref = 0; ref < 512; ref += 1) {
        const [mapped] = (yield* grantTableOp('map_grant_ref', [
          { hostAddr: 70n << 12n, flags: GNTMAP.hostMap, ref, domId: victimId },
        ])) as GrantResult[];
        const end = { domId: DOMID_SELF, frame: 5, offset: 0 };
        const from = {
          source: { domId: victimId, ref, offset: 0 },
          dest: end,
          len: 8,
          flags: GNTCOPY.sourceGref,
        };
        const [copied] = (yield* grantTableOp('copy', [from])) as GrantResult[];
        const [ended] = (yield* grantTableOp('unmap_grant_ref', [
          { hostAddr: 70n << 12n, handle: ref },
        ])) as GrantResult[];
        statuses.add(mapped?.status).add(copied?.status).add(ended?.status);
      }
    });
    host.run(500n * MS);
    expect(statuses).toEqual(new Set([GNTST.general_error, GNTST.bad_handle]));
    expect(infoOf(host, attackerId)).toMatchObject({ power: 'running', grantFramesHeld: 0 });
    expect(infoOf(host, victimId).grantFramesLent).toBe(0);
    host.sample();
  });

  test('R1 limits out of range are refused when the domain is built', () => {
    const host = hostOf();
    const base = { name: 'a', id: 'a', vcpus: 1, memoryFrames: 64, image: guest(function* () {}) };
    for (const maxGrantFrames of [0, 1025, 1.5, Number.NaN])
      expect(host.createDomain({ ...base, maxGrantFrames })).toMatchObject({ ok: false, errno: 'EINVAL' });
    for (const maxMaptrackFrames of [-1, 4097, 0.5])
      expect(host.createDomain({ ...base, maxMaptrackFrames })).toMatchObject({ ok: false, errno: 'EINVAL' });
    expect(host.createDomain({ ...base, maxGrantFrames: 1, maxMaptrackFrames: 0 }).ok).toBe(true);
  });
});
