import { describe, expect, test } from '@jest/globals';
import type { GuestImage } from '../../abi/guest.js';
import { coroutineGuest, type GuestRoutine } from '../../guest/coroutine.js';
import { IMAGES } from '../../guest/images.js';
import { LIMITS } from '../../limits.js';
import type { Machine } from '../machine.js';
import { createMemoryHost } from '../memory-devices.js';
import { CrashBook } from './crash-book.js';
import type { CrashRecord } from './crash-record.js';

const MS = 1_000_000n;

function image(run: (vcpu: number) => GuestRoutine): GuestImage {
  return { name: 'crasher', boot: () => coroutineGuest(run) };
}

function rig(run: (vcpu: number) => GuestRoutine, vcpus = 1) {
  const { host } = createMemoryHost({ pcpus: 2, frames: 1 << 14, xenFrames: 256, seed: 7 });
  const built = host.createDomain({ name: 'a', id: 'a', vcpus, memoryFrames: 100, image: image(run) });
  if (!built.ok) throw new Error(built.detail);
  const machine = (host as unknown as { machine: Machine }).machine;
  return { host, machine, domId: built.value };
}

const lines = (text: string) => new TextEncoder().encode(text);

describe('the facts of a crash', () => {
  test('L13 a record says when, why, on which vCPU, after which hypercalls, with what pending, held, drawn and written', () => {
    const { host, domId } = rig(function* () {
      yield { do: 'work', ns: 2n * MS };
      yield {
        do: 'hypercall',
        call: { op: 'console_io', cmd: 'write', bytes: lines('one\ntw\u0007o\n') } as never,
      };
      yield { do: 'hypercall', call: { op: 'event_channel_op', cmd: 'bind_ipi', vcpu: 99 } as never };
      const port = yield {
        do: 'hypercall',
        call: { op: 'event_channel_op', cmd: 'bind_ipi', vcpu: 0 } as never,
      };
      yield { do: 'hypercall', call: { op: 'event_channel_op', cmd: 'send', port } as never };
      yield { do: 'crash', message: 'out of \u202eluck\n' };
    });
    host.setAllowance({ id: 'lease', members: ['a'], balance: 1n, weights: [], policy: 'warn' });
    host.unpause(domId);
    host.run(10n * MS);
    const [record] = host.crashes('a');
    const crashed = host.drainEvents().find((e) => e.type === 'domain.crashed');
    expect(crashed).toMatchObject({ facts: record, message: 'out of \u202eluck\n' });
    expect(record).toMatchObject({
      serial: 1,
      atNs: String(crashed?.atNs),
      domId,
      id: 'a',
      reason: 'crash',
      message: 'out of .luck.',
      vcpu: 0,
      livedNs: String(crashed?.atNs),
      memoryFrames: 100,
      allowances: [{ id: 'lease', state: 'open' }],
    });
    expect(record?.consoleLines).toEqual(['one', 'tw.o']);
    const calls = record?.vcpus[0]?.hypercalls ?? [];
    expect(calls.map(({ op, cmd }) => `${op} ${cmd}`)).toEqual([
      'console_io write',
      'event_channel_op bind_ipi',
      'event_channel_op bind_ipi',
      'event_channel_op send',
    ]);
    const answers = calls.map(({ answer }) => answer);
    expect(answers[1]).toBe(-2);
    expect(answers[3]).toBe(0);
    expect(record?.pendingPorts).toContain(answers[2]);
    const final = host.sample().readings.find((r) => r.resourceId === 'a');
    expect(record?.meters['cpu.ns']).toBe(String(final?.values[0]));
    const { running, runnable, blocked, offline } = (record as CrashRecord).vcpus[0]
      ?.runstateNs as never as Record<string, string>;
    const sum = [running, runnable, blocked, offline].reduce((total, ns) => total + BigInt(ns as string), 0n);
    expect(String(sum)).toBe(record?.livedNs);
  });

  test('L13 the call that ends the domain is the last of its trail, without an answer', () => {
    const { host, domId } = rig(function* () {
      yield { do: 'hypercall', call: { op: 'sched_op', cmd: 'shutdown', reason: 'crash' } as never };
    });
    host.unpause(domId);
    host.run(10n * MS);
    expect(host.crashes('a')[0]?.vcpus[0]?.hypercalls).toEqual([
      { op: 'sched_op', cmd: 'shutdown', answer: null },
    ]);
  });

  test('L13 a record is plain data, bounded and printable, whatever a guest writes', () => {
    const { host, domId } = rig(function* () {
      for (let i = 0; i < 100; i += 1) {
        yield { do: 'hypercall', call: { op: '\u0000'.repeat(1000), cmd: 'x' } as never };
        yield { do: 'hypercall', call: { op: 'sched_op', cmd: 'y'.repeat(100_000) } as never };
        yield { do: 'hypercall', call: { op: 'sched_op', cmd: { toString: () => 'z' } } as never };
        const bytes = Uint8Array.from({ length: 4096 }, (_, at) => (at * 7 + i) & 0xff);
        yield { do: 'hypercall', call: { op: 'console_io', cmd: 'write', bytes } as never };
      }
      yield { do: 'crash', message: '\ud800'.repeat(100_000) };
    }, 32);
    host.unpause(domId);
    host.run(2_000n * MS);
    const [record] = host.crashes();
    const text = JSON.stringify(record);
    expect(JSON.parse(text)).toEqual(record);
    expect(text.length).toBeLessThan(64 * 1024);
    expect(/\p{C}/u.test(text)).toBe(false);
    expect(record?.vcpus[0]?.hypercalls.length).toBeLessThanOrEqual(LIMITS.trailCallsMax);
    for (const { op, cmd } of record?.vcpus[0]?.hypercalls ?? []) {
      expect(op.length).toBeLessThanOrEqual(32);
      expect(cmd.length).toBeLessThanOrEqual(32);
    }
  });

  test('L13 records outlive the domain: the last 16 of an id, 1,024 in all', () => {
    const { host, domId } = rig(function* () {
      yield { do: 'crash', message: 'first' };
    });
    host.unpause(domId);
    host.run(MS);
    host.destroyDomain(domId);
    expect(host.crashes('a')).toHaveLength(1);
    expect(host.crashes('b')).toEqual([]);
    const book = new CrashBook();
    const facts = host.crashes('a')[0] as CrashRecord;
    for (let i = 0; i < 3000; i += 1) book.keep({ ...facts, id: `d${i % 100}` });
    expect(book.list('d7')).toHaveLength(10);
    expect(book.list()).toHaveLength(LIMITS.crashesMax);
    expect(book.list().map((r) => r.serial)).toEqual(
      Array.from({ length: 1024 }, (_, i) => 3000 - 1024 + i + 1),
    );
    for (let i = 0; i < 40; i += 1) book.keep({ ...facts, id: 'one' });
    expect(book.list('one').map((r) => r.serial)).toEqual(Array.from({ length: 16 }, (_, i) => 3025 + i));
    expect(book.list()).toHaveLength(LIMITS.crashesMax);
  });

  test('L13 a watchdog leaves a record, and so does an end that was no crash where the configuration says coredump', () => {
    const { host, machine, domId } = rig(function* () {
      for (;;) yield { do: 'block' };
    });
    host.unpause(domId);
    const domain = machine.domains.get(domId);
    if (domain === undefined) throw new Error('no domain');
    machine.watchdogs.set(domain, 0, 1);
    host.run(2_000n * MS);
    expect(host.crashes('a')).toMatchObject([
      { reason: 'watchdog', vcpu: null, vcpus: [{ runstate: 'blocked' }] },
    ]);
    const config = { name: 'b', id: 'b', vcpus: 1, memoryFrames: 10, image: IMAGES.idle } as const;
    for (const onPoweroff of ['destroy', 'coredump-destroy'] as const) {
      const built = host.createDomain({ ...config, onPoweroff });
      if (!built.ok) throw new Error(built.detail);
      host.unpause(built.value);
      host.shutdownDomain(built.value, 'poweroff');
      host.run(host.nowNs + MS);
    }
    expect(host.crashes('b')).toMatchObject([{ reason: 'poweroff' }]);
  });
});
