import { BLOCK_SECTOR_BYTES } from '../abi/block.js';
import type { GuestImage, StartInfo } from '../abi/guest.js';
import { Prng } from '../base/prng.js';
import { coroutineGuest, type GuestEffect, type GuestRoutine } from './coroutine.js';
import { GuestDisk } from './disk.js';
import { GuestKernel, type TaskRoutine } from './kernel.js';

const MS_NS = 1_000_000n;

function image(name: string, run: (info: StartInfo, vcpu: number) => GuestRoutine): GuestImage {
  return { name, boot: (info) => coroutineGuest((vcpu) => run(info, vcpu)) };
}

/** Sleeps for ever. */
export const idle = image('idle', function* (info) {
  for (;;) {
    info.takePendingPorts();
    yield { do: 'block' };
  }
});

/** Computes for ever on every vCPU. */
export const busy = image('busy', function* () {
  for (;;) yield { do: 'work', ns: 1_000_000_000n };
});

/** Computes and sleeps for random spans of up to 20 ms. */
export const bursty = image('bursty', function* (info, vcpu) {
  const prng = new Prng(info.seed + vcpu);
  for (;;) {
    yield { do: 'work', ns: prng.between(1_000, 20_000_000) };
    yield { do: 'block', untilNs: info.systemTimeNs() + BigInt(prng.between(1_000, 20_000_000)) };
  }
});

/** Sleeps over every tick, to be off the CPU whenever a sampling scheduler looks: 9.5 ms on, 0.5 ms off. */
export const tickDodger = image('tick-dodger', function* (info) {
  const tickNs = 10n * MS_NS;
  for (;;) {
    const nowNs = info.systemTimeNs();
    const tick = (nowNs / tickNs + 1n) * tickNs;
    const workNs = tick - MS_NS / 4n - nowNs;
    if (workNs > 0n) yield { do: 'work', ns: workNs };
    yield { do: 'block', untilNs: tick + MS_NS / 4n };
  }
});

/** Takes all it can get: computes on every vCPU but the first, which keeps its disk as busy as the ring allows. */
export const greedy: GuestImage = {
  name: 'greedy',
  boot(info) {
    const kernel = new GuestKernel(info);
    const front = info.disks[0];
    if (front !== undefined && front.sectors >= 64) kernel.spawn(hammer(new GuestDisk(kernel, front)));
    for (let i = 0; i < info.vcpus; i += 1) kernel.spawn(compute());
    return kernel.asGuest();
  },
};

function* hammer(disk: GuestDisk): TaskRoutine {
  for (let i = 0; ; i += 1) {
    yield* disk.write(0, 64, (bytes) => new Uint8Array(bytes).fill(i & 0xff));
    yield* disk.read(0, 64);
  }
}

function* compute(): TaskRoutine {
  for (;;) {
    yield { do: 'work', ns: MS_NS };
    yield { do: 'pass' };
  }
}

/** The kinds of attack of the `hostile` image; chosen by its command line, or by its seed. */
export const HOSTILE_KINDS = [
  'throws',
  'yields-garbage',
  'impossible-work',
  'impersonates-driver',
  'endless-work',
  'endless-exits',
  'event-storm',
  'bad-hypercalls',
  'bad-block-requests',
  'bad-socket-commands',
] as const;
export type HostileKind = (typeof HOSTILE_KINDS)[number];

/** Misbehaves in one of `HOSTILE_KINDS`; at worst it crashes itself. */
export const hostile = image('hostile', function* (info) {
  const asked = HOSTILE_KINDS.find((kind) => kind === info.commandLine);
  yield* attack(info, asked ?? new Prng(info.seed).pick(HOSTILE_KINDS));
});

function* attack(info: StartInfo, kind: HostileKind): GuestRoutine {
  switch (kind) {
    case 'throws':
      throw new Error('hostile');
    case 'yields-garbage':
      yield { do: 'explode', ns: {} } as unknown as GuestEffect;
      return;
    case 'impossible-work':
      yield { do: 'work', ns: -5n };
      return;
    case 'impersonates-driver':
      yield { do: 'work', ns: 1_000_000n, onBehalfOf: 1 };
      return;
    case 'endless-work':
      for (;;) yield { do: 'work', ns: 1n << 61n };
    case 'endless-exits':
      for (;;) yield { do: 'yield' };
    case 'event-storm':
      for (;;)
        yield { do: 'hypercall', call: { op: 'event_channel_op', cmd: 'send', port: info.sockets.port } };
    case 'bad-hypercalls':
      yield* badHypercalls();
      return;
    case 'bad-block-requests':
      yield* badBlockRequests(info);
      return;
    case 'bad-socket-commands':
      yield* badSocketCommands(info);
  }
}

function* badHypercalls(): GuestRoutine {
  const calls: unknown[] = [
    { op: 'nonsense' },
    { op: 'event_channel_op', cmd: 'send', port: Number.MAX_VALUE },
    { op: 'sched_op' },
  ];
  for (;;) for (const call of calls) yield { do: 'hypercall', call } as GuestEffect;
}

function* badBlockRequests(info: StartInfo): GuestRoutine {
  const front = info.disks[0];
  const bad: unknown[] = [
    null,
    { id: 1, op: 'read', sector: -1, sectors: 1 },
    { id: 2, op: 'read', sector: Number.MAX_SAFE_INTEGER, sectors: 88 },
    { id: 3, op: 'write', sector: 0, sectors: 1, data: new Uint8Array(BLOCK_SECTOR_BYTES - 1) },
    { id: {}, op: 'write', sector: 0, sectors: 1, data: 'text' },
    { id: 4, op: 'format', sector: 0, sectors: 1 },
    { id: 5, op: 'read', sector: 0, sectors: 1_000_000_000 },
  ];
  for (;;) {
    if (front === undefined) yield { do: 'work', ns: 1_000_000n };
    else {
      for (const request of bad) front.ring.request(request as never);
      yield { do: 'hypercall', call: { op: 'event_channel_op', cmd: 'send', port: front.port } };
      while (front.ring.takeResponse() !== undefined);
    }
  }
}

function* badSocketCommands(info: StartInfo): GuestRoutine {
  const { ring, port } = info.sockets;
  const bad: unknown[] = [
    undefined,
    7,
    { id: 1, cmd: 'listen', guestPort: 'http' },
    { id: 2, cmd: 'listen', guestPort: 70_000 },
    { id: 'x', cmd: 'accept', listener: 1 },
    { id: 3, cmd: 'accept', listener: 99 },
    { id: 4, cmd: 'release', connection: {} },
    { id: 5, cmd: 'connect' },
  ];
  for (;;) {
    for (const command of bad) ring.request(command as never);
    yield { do: 'hypercall', call: { op: 'event_channel_op', cmd: 'send', port } };
    while (ring.takeResponse() !== undefined);
  }
}
