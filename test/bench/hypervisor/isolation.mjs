// What a well-behaved domain loses beside a bad neighbour.
import { IMAGES } from '@xenorack/hypervisor';
import { median } from '../measure.mjs';
import { guest, hostWith, msNs, processorNs, secondNs, sharesOver, start } from './lab.mjs';

const pcpus = 4;
const call = (structure) => ({ do: 'hypercall', call: structure });

/** Each takes all it can get, on as many vCPUs as there are pCPUs. */
const attackers = {
  'CPU hog': [IMAGES.busy, {}],
  'memory hog': [
    guest('memory-hog', function* () {
      const extents = Array.from({ length: 64 }, (_, i) => i + 16);
      for (;;) {
        yield call({ op: 'memory_op', cmd: 'decrease_reservation', extents });
        yield call({ op: 'memory_op', cmd: 'populate_physmap', extents });
      }
    }),
    { memoryFrames: 256 },
  ],
  'event storm': [
    guest('event-storm', function* (info) {
      for (;;) {
        yield call({ op: 'event_channel_op', cmd: 'send', port: info.sockets.port });
        info.takePendingPorts();
      }
    }),
    {},
  ],
  'hypercall flood': [
    guest('hypercall-flood', function* () {
      const version = { op: 'xen_version', cmd: 'version' };
      const calls = [
        version,
        { op: 'nonsense' },
        { op: 'multicall', calls: Array.from({ length: 32 }, () => version) },
        { op: 'vcpu_op', cmd: 'get_runstate_info' },
        { op: 'sched_op', cmd: 'yield' },
      ];
      for (let i = 0; ; i += 1) yield call(calls[i % calls.length]);
    }),
    {},
  ],
};

/**
 * The worst loss: of host time against the share that its weight earns it, and of what the host could not deliver on the
 * real machine because the attack takes longer than its model says (a paced host books that as lost time).
 */
export function neighbourLoss(isSmall) {
  const losses = Object.entries(attackers).map(([name, attacker]) => ({
    name,
    ...lossBeside(attacker, isSmall),
  }));
  const worst = losses.reduce((a, b) => (total(b) > total(a) ? b : a));
  return {
    name: 'hypervisor.neighbour_loss',
    value: total(worst),
    unit: 'ratio',
    baseline: 'the share its weight earns it beside somebody who takes all he can',
    goal: 0.04,
    better: 'lower',
    detail: {
      worst: worst.name,
      ...Object.fromEntries(
        losses.map(({ name, host, lost }) => [name, { host_time: host, lost_time: lost }]),
      ),
    },
  };
}

const total = ({ host, lost }) => 1 - (1 - host) * (1 - lost);

function lossBeside([image, options], isSmall) {
  const rounds = Array.from({ length: isSmall ? 1 : 5 }, () => {
    const host = hostWith({ pcpus });
    // Half of the machine for each of two whose weights are the same and who want all of it.
    start(host, 'good', IMAGES.busy, { vcpus: pcpus });
    start(host, 'bad', image, { vcpus: pcpus, ...options });
    // Also one that sleeps most of the time: it must not wait.
    start(host, 'light', lightly(), { vcpus: 1 });
    sharesOver(host, isSmall ? 0.1 : 1);
    const spanS = isSmall ? 0.2 : 2;
    let shares;
    const processor = processorNs(() => (shares = sharesOver(host, spanS)));
    const earned = (pcpus - shares.get('light')) / 2;
    return {
      host: Math.max(0, 1 - shares.get('good') / earned, 1 - shares.get('light') / LIGHT_SHARE),
      lost: Math.max(0, 1 - (spanS * Number(secondNs)) / processor),
    };
  });
  return { host: median(rounds.map(({ host }) => host)), lost: median(rounds.map(({ lost }) => lost)) };
}

/** 1 ms of work every 10 ms, timed by the clock: what it gets when nobody disturbs it. */
const LIGHT_SHARE = 0.1;

function lightly() {
  return guest('light', function* (info) {
    let dueNs = (info.systemTimeNs() / (10n * msNs) + 1n) * 10n * msNs;
    for (;;) {
      yield { do: 'block', untilNs: dueNs };
      yield { do: 'work', ns: 980_000 };
      dueNs += 10n * msNs;
    }
  });
}
