import { describe, expect, test } from '@jest/globals';
import { VIRQ } from '../../abi/event.js';
import { ERRNO } from '../../abi/errno.js';
import { DOMID_SELF } from '../../abi/guest.js';
import type { HypercallAnswer } from '../../abi/hypercall.js';
import { SHARED_INFO } from '../../abi/shared-info.js';
import { type GuestEffect } from '../../guest/coroutine.js';
import {
  answersTo,
  channel,
  FIRST_PORT,
  MS,
  rig,
  sched,
  SECOND,
  SETTLE,
  sleepFor,
  timer,
  vcpuOp,
  type Script,
} from './event-rig.sim.js';

describe('sched_op', () => {
  test('E10 poll: too many ports EINVAL, a port out of range EINVAL, no list EFAULT; a past time answers at once', () => {
    const ports = Array.from({ length: 129 }, () => 1);
    expect(
      answersTo([
        sched('poll', { ports, timeoutNs: 0n }),
        sched('poll', { ports: [5_000], timeoutNs: 0n }),
        sched('poll', { timeoutNs: 0n }),
        sched('poll', { ports: [1], timeoutNs: 1n }),
      ]),
    ).toEqual([-ERRNO.EINVAL, -ERRNO.EINVAL, -ERRNO.EFAULT, 0]);
  });

  test('E10 poll sleeps until its time or its port, upcalls masked or not, and not for other ports', () => {
    const { host, start } = rig(2);
    const { said, domId } = start('poller', function* (info, say) {
      const ports: HypercallAnswer[] = [];
      for (let i = 0; i < 2; i += 1)
        ports.push((yield channel('alloc_unbound', { remoteDomId: domId + 1 })) as HypercallAnswer);
      info.sharedInfo.store(SHARED_INFO.upcallMask, 1);
      yield sched('poll', { ports: [ports[1]], timeoutNs: 100n * MS });
      say(info.systemTimeNs());
      yield sched('poll', { ports: [ports[1]], timeoutNs: 0n });
      say(info.systemTimeNs());
      say(info.takePendingPorts());
      for (;;) yield sleepFor;
    });
    host.run(host.nowNs + SETTLE);
    start('sender', function* (info) {
      const near: unknown[] = [];
      for (const port of [FIRST_PORT, FIRST_PORT + 1])
        near.push(yield channel('bind_interdomain', { remoteDomId: domId, remotePort: port }));
      info.takePendingPorts();
      yield { do: 'block', untilNs: 80n * MS };
      yield channel('send', { port: near[0] });
      yield { do: 'block', untilNs: 300n * MS };
      yield channel('send', { port: near[1] });
      for (;;) yield sleepFor;
    });
    host.run(SECOND);
    const [first, second, ports] = said as [bigint, bigint, number[]];
    expect(first >= 100n * MS && first < 101n * MS).toBe(true);
    expect(second >= 300n * MS && second < 301n * MS).toBe(true);
    expect(ports).toEqual([FIRST_PORT, FIRST_PORT + 1]);
  });

  test('E14 block answers at once when an event is deliverable, lets upcalls through, and wakes for the next', () => {
    const { host, start } = rig();
    const { said } = start('a', function* (info, say) {
      const port = yield channel('bind_virq', { virq: VIRQ.TIMER, vcpu: 0 });
      yield timer(info.systemTimeNs());
      yield { do: 'work', ns: 10 };
      info.sharedInfo.store(SHARED_INFO.upcallMask, 1);
      const beforeNs = info.systemTimeNs();
      yield sched('block');
      const tookNs = info.systemTimeNs() - beforeNs;
      say([info.sharedInfo.load(SHARED_INFO.upcallMask), tookNs < MS, info.takePendingPorts()]);
      yield timer(500n * MS);
      yield sched('block');
      say([info.systemTimeNs() >= 500n * MS, info.takePendingPorts()]);
      say(port);
      for (;;) yield sleepFor;
    });
    host.run(SECOND);
    const port = said[2];
    expect(said).toEqual([[0, true, [port]], [true, [port]], port]);
  });

  test('E15 a recorded code says why the domain shut down; remote_shutdown is privileged and not for oneself', () => {
    const { host, start } = rig();
    const forever: Script = function* () {
      for (;;) yield sleepFor;
    };
    const a = start('a', function* (_info, say) {
      say(yield sched('remote_shutdown', { domId: 1, reason: 'poweroff' }));
      say(yield sched('shutdown_code', { reason: 'reboot' }));
      yield sched('shutdown', { reason: 'crash' });
    });
    const b = start('b', forever);
    const tools = start(
      'tools',
      function* (_info, say) {
        for (const domId of [DOMID_SELF, 1, 999, b.domId])
          say(yield sched('remote_shutdown', { domId, reason: 'poweroff' }));
        for (;;) yield sleepFor;
      },
      { privileged: true },
    );
    host.run(SECOND);
    expect(a.said).toEqual([-ERRNO.EPERM, 0]);
    expect(tools.said).toEqual([-ERRNO.EPERM, -ERRNO.EPERM, -ERRNO.ESRCH, 0]);
    const reasons = Object.fromEntries(host.list().map((d) => [d.id, d.shutdownReason]));
    expect(reasons).toMatchObject({ a: 'reboot', b: 'poweroff', tools: null });
  });

  test('E15 watchdogs by hypercall: two, ENOSPC for a third, EINVAL for an unknown one', () => {
    expect(
      answersTo([
        sched('watchdog', { id: 0, timeoutS: 100 }),
        sched('watchdog', { id: 0, timeoutS: 100 }),
        sched('watchdog', { id: 0, timeoutS: 100 }),
        sched('watchdog', { id: 3, timeoutS: 100 }),
        sched('watchdog', { id: 1, timeoutS: 0 }),
        sched('watchdog', { id: 1, timeoutS: 5 }),
      ]),
    ).toEqual([1, 2, -ERRNO.ENOSPC, -ERRNO.EINVAL, 0, -ERRNO.EINVAL]);
  });
});

describe('timers', () => {
  /** When VIRQ_TIMER came after these calls. */
  function firings(calls: (nowNs: bigint) => readonly GuestEffect[], untilNs = SECOND): bigint[] {
    const { host, start } = rig();
    const { said } = start('a', function* (info, say) {
      yield channel('bind_virq', { virq: VIRQ.TIMER, vcpu: 0 });
      const beganNs = info.systemTimeNs();
      for (const effect of calls(beganNs)) yield effect;
      for (;;) {
        yield sleepFor;
        if (info.takePendingPorts().length > 0) say(info.systemTimeNs() - beganNs);
      }
    });
    host.run(untilNs);
    return said as bigint[];
  }
  const about = (times: bigint[]) => times.map((ns) => Number(ns / MS));

  test('E16 set_timer_op: at its time, at once when past, never when stopped, in 100 ms when absurd', () => {
    const inMs = (ms: bigint) => (nowNs: bigint) => [timer(nowNs + ms * MS)];
    expect(about(firings(inMs(250n)))).toEqual([250]);
    expect(about(firings(() => [timer(1n)]))).toEqual([0]);
    expect(firings((nowNs) => [timer(nowNs + 250n * MS), timer(0n)])).toEqual([]);
    expect(about(firings(() => [timer(-5n)]))).toEqual([100]);
    expect(about(firings(() => [timer(1n << 51n)]))).toEqual([100]);
    expect(firings(() => [timer((1n << 50n) - 1n)])).toEqual([]);
    expect(about(firings((nowNs) => [timer(nowNs + 250n * MS), timer(nowNs + 300n * MS)]))).toEqual([300]);
  });

  test('E17 a single shot that may not be late answers ETIME; one vCPU cannot set that of another', () => {
    expect(
      answersTo(
        [
          vcpuOp('set_singleshot_timer', { vcpu: 0, timeoutNs: 1n, future: true }),
          vcpuOp('set_singleshot_timer', { vcpu: 0, timeoutNs: 1n }),
          vcpuOp('set_singleshot_timer', { vcpu: 1, timeoutNs: SECOND }),
          vcpuOp('stop_singleshot_timer', { vcpu: 1 }),
          vcpuOp('set_periodic_timer', { vcpu: 1, periodNs: 10n * MS }),
          vcpuOp('set_periodic_timer', { vcpu: 1, periodNs: MS - 1n }),
          vcpuOp('stop_periodic_timer', { vcpu: 1 }),
        ],
        { vcpus: 2 },
      ),
    ).toEqual([-ERRNO.ETIME, 0, -ERRNO.EINVAL, -ERRNO.EINVAL, 0, -ERRNO.EINVAL, 0]);
  });

  test('E17 a periodic timer ticks while its vCPU executes, and wakes none that sleeps', () => {
    const { host, start } = rig();
    const { said } = start('a', function* (info, say) {
      yield channel('bind_virq', { virq: VIRQ.TIMER, vcpu: 0 });
      yield vcpuOp('set_periodic_timer', { vcpu: 0, periodNs: 10n * MS });
      let ticks = 0;
      for (let i = 0; i < 200; i += 1) {
        yield { do: 'work', ns: MS };
        ticks += info.takePendingPorts().length;
      }
      say(ticks);
      yield { do: 'block', untilNs: SECOND };
      say(info.systemTimeNs() >= SECOND);
      yield { do: 'work', ns: 10 };
      say(info.takePendingPorts().length);
      yield vcpuOp('stop_periodic_timer');
      yield { do: 'work', ns: 100n * MS };
      say(info.takePendingPorts());
      for (;;) yield sleepFor;
    });
    host.run(2n * SECOND);
    expect(said[0]).toBeGreaterThanOrEqual(19);
    expect(said[0]).toBeLessThanOrEqual(21);
    expect(said.slice(1)).toEqual([true, 1, []]);
  });

  test('E18 the page tells the time of day at boot and, when a vCPU wakes, its system time', () => {
    const { host, start } = rig();
    const { said } = start('a', function* (info, say) {
      const copy = () =>
        new DataView(Uint8Array.from({ length: 4096 }, (_, at) => info.sharedInfo.load(at)).buffer);
      const page = copy();
      say([
        page.getUint32(SHARED_INFO.wallClockSeconds, true),
        page.getUint32(SHARED_INFO.wallClockNanoseconds, true),
      ]);
      yield { do: 'block', untilNs: 700n * MS };
      const woken = copy();
      say(woken.getBigUint64(SHARED_INFO.systemTime, true));
      say(woken.getUint32(SHARED_INFO.timeVersion, true) % 2);
      for (;;) yield sleepFor;
    });
    host.run(SECOND);
    expect(said).toEqual([[1_700_000_000, 123_456_789], 700n * MS, 0]);
  });
});

describe('vcpu_op', () => {
  test('E19 vCPUs beyond those at boot are initialised once, then brought up; none that is not there (ENOENT)', () => {
    const { host, start } = rig(2);
    const { said } = start(
      'a',
      function* (_info, say, vcpu) {
        if (vcpu === 1) {
          say('up');
          for (;;) yield { do: 'work', ns: MS };
        }
        say(yield vcpuOp('is_up', { vcpu: 1 }));
        say(yield vcpuOp('up', { vcpu: 1 }));
        say(yield vcpuOp('initialise', { vcpu: 1 }));
        say(yield vcpuOp('initialise', { vcpu: 1 }));
        say(yield vcpuOp('up', { vcpu: 1 }));
        yield { do: 'block', untilNs: 100n * MS };
        say(yield vcpuOp('is_up', { vcpu: 1 }));
        say(yield vcpuOp('up', { vcpu: 2 }));
        say(yield vcpuOp('initialise', { vcpu: 0 }));
        for (;;) yield sleepFor;
      },
      { vcpusMax: 2 },
    );
    host.run(SECOND);
    expect(said).toEqual([0, -ERRNO.EINVAL, 0, -ERRNO.EEXIST, 0, 'up', 1, -ERRNO.ENOENT, -ERRNO.EEXIST]);
  });

  test('E19 a vCPU that is down does not execute, is offline meanwhile, and goes on where it was', () => {
    const { host, start } = rig(2);
    let rounds = 0;
    const { said } = start(
      'a',
      function* (_info, say, vcpu) {
        for (; vcpu === 1; rounds += 1) yield { do: 'work', ns: MS };
        yield { do: 'block', untilNs: 100n * MS };
        say(yield vcpuOp('down', { vcpu: 1 }));
        const before = rounds;
        yield { do: 'block', untilNs: 600n * MS };
        say(rounds - before);
        const state = (yield vcpuOp('get_runstate_info', { vcpu: 1 })) as unknown as { timesNs: bigint[] };
        say((state.timesNs[3] as bigint) / (100n * MS));
        say(yield vcpuOp('up', { vcpu: 1 }));
        yield { do: 'block', untilNs: 900n * MS };
        say(rounds - before > 250);
        for (;;) yield sleepFor;
      },
      { vcpus: 2 },
    );
    host.run(SECOND);
    host.sample();
    expect(said).toEqual([0, 0, 5n, 0, true]);
  });

  test('E19 the last vCPU that goes down powers the domain off', () => {
    const { host, start } = rig();
    start(
      'a',
      function* (_info, _say, vcpu) {
        yield vcpuOp('down', { vcpu });
      },
      { vcpus: 3 },
    );
    host.run(SECOND);
    expect(host.list().find((d) => d.id === 'a')).toMatchObject({
      power: 'shutdown',
      shutdownReason: 'poweroff',
    });
    host.sample();
  });
});
