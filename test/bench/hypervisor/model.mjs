// The CPU model against the clock: one nominal pCPU is a quarter of a core, so what costs four nanoseconds in the model
// should take one.
import { guest, hostWith, msNs, processorNs, busyNs, start } from './lab.mjs';
import { median } from '../measure.mjs';

const CORE_SHARE = 4;
const page = 4096;
const domIdSelf = 0x7ff0;

export function modelOverMeasured(isSmall) {
  const detail = {};
  for (const [name, work] of Object.entries(classes)) {
    const rounds = Array.from({ length: isSmall ? 1 : 5 }, () => work(isSmall ? 2n * msNs : 400n * msNs));
    detail[name] = median(rounds);
  }
  const ratios = Object.values(detail);
  const span = isSmall ? 2n * msNs : 400n * msNs;
  const far = Math.max(...ratios.map((ratio) => Math.max(ratio, 1 / ratio)));
  return {
    name: 'hypervisor.model_over_measured',
    value: far,
    unit: 'ratio',
    baseline: 'processor time, four nominal pCPUs to a core',
    goal: 2,
    better: 'lower',
    detail: {
      geometric_mean: Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length),
      ...detail,
      // Mostly the toolstack's work, which is not a pCPU's: told, and not part of the goal.
      toolstack_build_and_destroy: buildsAndDestroys(16)(span),
      toolstack_build_and_destroy_of_64_mib: buildsAndDestroys(16_384)(span),
    },
  };
}

/** Model time over processor time of guests that do one thing all the time. */
function ofGuests(routines, options = {}) {
  return (spanNs) => {
    const host = hostWith({ pcpus: 1 });
    routines.forEach((routine, i) => start(host, `caller-${i}`, guest(`caller-${i}`, routine), options));
    // Compiled and warm before it is measured.
    host.run(host.nowNs + spanNs);
    host.drainEvents();
    const before = busyNs(host);
    const processor = processorNs(() => host.run(host.nowNs + spanNs));
    for (const { power, crashMessage } of host.list())
      if (power !== 'running') throw new Error(`a caller ended: ${crashMessage}`);
    return (busyNs(host) - before) / (CORE_SHARE * processor);
  };
}

const ofCalls = (call, options) =>
  ofGuests(
    [
      function* (info) {
        const next = yield* call(info);
        for (;;) {
          const answer = yield { do: 'hypercall', call: next() };
          const rc = typeof answer === 'number' ? answer : answer.rc;
          if (rc < 0) throw new Error(`the call answers ${rc}`);
        }
      },
    ],
    options,
  );

/** The same call again and again. */
const always = (call, options) =>
  ofCalls(function* () {
    return () => call;
  }, options);

/** Calls of a list in turn. */
const inTurn = (calls) => {
  let at = 0;
  return () => calls[at++ % calls.length];
};

function* sendToSelf() {
  const port = yield { do: 'hypercall', call: { op: 'event_channel_op', cmd: 'bind_ipi', vcpu: 0 } };
  return () => ({ op: 'event_channel_op', cmd: 'send', port });
}

function frameAt(info, gfn) {
  const bytes = info.memory.load(info.pageTables.machineFrameList + gfn * 8, 4);
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

/** A leaf table of its own, not yet mapped read-only. */
function* ownTable(info) {
  const table = frameAt(info, 10);
  yield {
    do: 'hypercall',
    call: {
      op: 'update_va_mapping',
      va: BigInt(info.pageTables.virtualBase + 10 * page),
      val: (BigInt(table) << 12n) | 5n,
    },
  };
  return table;
}

function* tableUpdates(info) {
  const table = yield* ownTable(info);
  yield { do: 'hypercall', call: { op: 'mmuext_op', ops: [{ cmd: 'pin_l1_table', mfn: table }] } };
  const requests = (gfn) =>
    Array.from({ length: 16 }, (_, i) => ({
      ptr: BigInt(table * page + i * 8),
      val: (BigInt(frameAt(info, gfn)) << 12n) | 7n,
    }));
  return inTurn([20, 21].map((gfn) => ({ op: 'mmu_update', requests: requests(gfn) })));
}

function* mappings(info) {
  const va = BigInt(info.pageTables.virtualBase + 20 * page);
  const mfn = frameAt(info, 20);
  yield* [];
  return inTurn([7n, 5n].map((bits) => ({ op: 'update_va_mapping', va, val: (BigInt(mfn) << 12n) | bits })));
}

function* pins(info) {
  const mfn = yield* ownTable(info);
  return inTurn(['pin_l1_table', 'unpin_table'].map((cmd) => ({ op: 'mmuext_op', ops: [{ cmd, mfn }] })));
}

function* reservations() {
  const extents = Array.from({ length: 32 }, (_, i) => i + 8);
  yield* [];
  return inTurn(
    ['decrease_reservation', 'populate_physmap'].map((cmd) => ({ op: 'memory_op', cmd, extents })),
  );
}

/** Grants 8 frames to itself; the references are 8 to 15. */
function* grantToSelf(info) {
  const setup = { op: 'grant_table_op', cmd: 'setup_table', ops: [{ domId: domIdSelf, nrFrames: 1 }] };
  const { results } = yield { do: 'hypercall', call: setup };
  for (let ref = 8; ref < 16; ref += 1) {
    const entry = new DataView(new ArrayBuffer(8));
    entry.setUint16(0, 1, true);
    entry.setUint16(2, info.domId, true);
    entry.setUint32(4, ref, true);
    info.memory.store(BigInt(results[0].frameList[0] * page + ref * 8), new Uint8Array(entry.buffer));
  }
}

const grantMaps = ofGuests([
  function* (info) {
    yield* grantToSelf(info);
    const maps = Array.from({ length: 8 }, (_, i) => ({
      hostAddr: BigInt((100 + i) * page),
      flags: 2,
      ref: 8 + i,
      domId: info.domId,
    }));
    for (;;) {
      const mapped = yield {
        do: 'hypercall',
        call: { op: 'grant_table_op', cmd: 'map_grant_ref', ops: maps },
      };
      const ops = mapped.results.map(({ handle, status }, i) => {
        if (status !== 0) throw new Error(`a grant is not mapped: ${status}`);
        return { hostAddr: maps[i].hostAddr, devBusAddr: 0n, handle };
      });
      yield { do: 'hypercall', call: { op: 'grant_table_op', cmd: 'unmap_grant_ref', ops } };
    }
  },
]);

const grantCopies = (length) =>
  ofCalls(function* (info) {
    yield* grantToSelf(info);
    const ops = Array.from({ length: 8 }, (_, i) => ({
      source: { ref: 8 + i, domId: info.domId, offset: 0 },
      dest: { frame: 20 + i, domId: info.domId, offset: 0 },
      len: length,
      flags: 1,
    }));
    return () => ({ op: 'grant_table_op', cmd: 'copy', ops });
  });

function buildsAndDestroys(memoryFrames) {
  return (spanNs) => {
    const host = hostWith({ pcpus: 1 });
    const idle = guest('idle', function* () {
      for (;;) yield { do: 'block' };
    });
    const round = (count) => {
      for (let i = 0; i < count; i += 1) {
        const domId = start(host, 'short', idle, { memoryFrames });
        host.run(host.nowNs + 10n * msNs);
        host.destroyDomain(domId);
        host.run(host.nowNs + 10n * msNs);
        host.drainEvents();
      }
    };
    const count = Number(spanNs / (2n * msNs)) + 1;
    round(count);
    const before = busyNs(host);
    const processor = processorNs(() => round(count));
    return (busyNs(host) - before) / (CORE_SHARE * processor);
  };
}

const version = { op: 'xen_version', cmd: 'version' };
const classes = {
  guest_exit: ofGuests([
    function* () {
      for (;;) yield { do: 'work', ns: 0 };
    },
  ]),
  xen_version: always(version),
  unknown_call: ofGuests([
    function* () {
      for (;;) yield { do: 'hypercall', call: { op: 'nonsense' } };
    },
  ]),
  multicall_of_32: always({ op: 'multicall', calls: Array.from({ length: 32 }, () => version) }),
  vcpu_op: always({ op: 'vcpu_op', cmd: 'get_runstate_info' }),
  event_send: ofCalls(sendToSelf),
  set_timer: ofCalls(function* (info) {
    yield* [];
    return () => ({ op: 'set_timer_op', timeoutNs: info.systemTimeNs() + 1_000_000_000n });
  }),
  console_of_64_bytes: always({ op: 'console_io', cmd: 'write', bytes: new Uint8Array(64).fill(65) }),
  memory_of_32_frames: ofCalls(reservations, { memoryFrames: 64 }),
  mmu_update_of_16: ofCalls(tableUpdates, { memoryFrames: 64, pageTables: true }),
  update_va_mapping: ofCalls(mappings, { memoryFrames: 64, pageTables: true }),
  pin_and_unpin: ofCalls(pins, { memoryFrames: 64, pageTables: true }),
  grant_map_and_unmap_of_8: grantMaps,
  grant_copy_of_8_times_64_bytes: grantCopies(64),
  grant_copy_of_8_times_4_kib: grantCopies(4096),
  block_and_wake: ofGuests(
    Array.from(
      { length: 16 },
      () =>
        function* (info) {
          for (;;) yield { do: 'block', untilNs: info.systemTimeNs() + 150_000n };
        },
    ),
  ),
  yield_to_another: ofGuests(
    Array.from(
      { length: 4 },
      () =>
        function* () {
          for (;;) yield { do: 'yield' };
        },
    ),
  ),
};
