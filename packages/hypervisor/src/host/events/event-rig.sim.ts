import type { StartInfo } from '../../abi/guest.js';
import { coroutineGuest, type GuestEffect, type GuestRoutine } from '../../guest/coroutine.js';
import type { DomainConfig } from '../domain-config.js';
import { createMemoryHost } from '../memory-devices.js';

export const MS = 1_000_000n;
export const SECOND = 1_000n * MS;
export const START = 30n * MS;
/** Long enough for a domain to be built and to make its first calls. */
export const SETTLE = 20n * MS;
type Call = Record<string, unknown>;

function call(op: string, cmd: string, fields: Call = {}): GuestEffect {
  return { do: 'hypercall', call: { op, cmd, ...fields } } as GuestEffect;
}
export const channel = (cmd: string, fields?: Call) => call('event_channel_op', cmd, fields);
export const sched = (cmd: string, fields?: Call) => call('sched_op', cmd, fields);
export const vcpuOp = (cmd: string, fields?: Call) => call('vcpu_op', cmd, fields);
export const timer = (timeoutNs: bigint) => call('set_timer_op', 'set', { timeoutNs });
export const sleepFor = { do: 'block' } as const;
/** The first port that is free when a domain without disks boots: its sockets and its xenstore have one each. */
export const FIRST_PORT = 3;

type Say = (what: unknown) => void;
export type Script = (info: StartInfo, say: Say, vcpu: number) => GuestRoutine;

export function rig(pcpus = 1) {
  const { host } = createMemoryHost({
    pcpus,
    frames: 1 << 16,
    xenFrames: 64,
    seed: 1,
    wallClockAtBootNs: 1_700_000_000_123_456_789n,
  });
  // The drivers boot first.
  host.run(START);
  /** Starts a domain whose vCPUs run the script; the answer is what it said, in order. */
  const start = (id: string, script: Script, options: Partial<DomainConfig> = {}) => {
    const said: unknown[] = [];
    const image = {
      name: id,
      boot: (info: StartInfo) => {
        return coroutineGuest((vcpu) => script(info, (what) => said.push(what), vcpu));
      },
    };
    const built = host.createDomain({ name: id, id, vcpus: 1, memoryFrames: 64, image, ...options });
    if (!built.ok) throw new Error(built.detail);
    host.unpause(built.value);
    return { said, domId: built.value };
  };
  return { host, start };
}

/** What the calls answer, in order. */
export function answersTo(calls: readonly GuestEffect[], options: Partial<DomainConfig> = {}): unknown[] {
  const { host, start } = rig();
  const { said } = start(
    'a',
    function* (_info, say, vcpu) {
      if (vcpu === 0) for (const effect of calls) say(yield effect);
      for (;;) yield sleepFor;
    },
    options,
  );
  host.run(SECOND);
  host.sample();
  return said;
}
