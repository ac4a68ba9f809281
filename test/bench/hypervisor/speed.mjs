// How fast one emulated host works.
import { IMAGES } from '@xenorack/hypervisor';
import { interleavedRatio, median } from '../measure.mjs';
import { guest, hostWith, msNs, runFor, secondNs, start } from './lab.mjs';

export function slicesPerSecond(isSmall) {
  const domains = isSmall ? 100 : 1_000;
  const host = hostWith({ pcpus: 4 });
  for (let i = 0; i < domains; i += 1) start(host, `busy-${i}`, IMAGES.busy);
  const spanNs = (isSmall ? 2n : 60n) * secondNs;
  host.run(secondNs);
  const rates = Array.from({ length: 5 }, () => {
    const { slices, ms } = runFor(host, spanNs);
    return (slices * 1_000) / ms;
  });
  return {
    name: 'hypervisor.slices_per_s_1000',
    value: median(rates),
    unit: '1/s',
    detail: { domains, pcpus: 4, rounds: rates.map(Math.round) },
  };
}

/** What a slice costs when nearly all domains sleep; beside it, when all of them compute. */
export async function tickCostGrowth(isSmall) {
  const many = isSmall ? 300 : 10_000;
  const spanNs = (isSmall ? 1n : 40n) * secondNs;
  const rounds = isSmall ? 5 : 9;
  const growth = (subject, baseline) =>
    interleavedRatio({
      subject: () => costPerSlice(subject, spanNs),
      baseline: () => costPerSlice(baseline, spanNs),
      rounds,
    });
  const few = hostWith({ pcpus: 2, sleepers: 0, busy: 10 });
  const sleeping = await growth(hostWith({ pcpus: 2, sleepers: many - 10, busy: 10 }), few);
  const runnable = await growth(hostWith({ pcpus: 2, sleepers: 0, busy: many }), few);
  return {
    name: 'hypervisor.tick_cost_growth',
    value: sleeping.ratio,
    unit: 'ratio',
    baseline: 'the same 10 runnable domains among 10',
    goal: 1.5,
    better: 'lower',
    detail: {
      domains: many,
      us_per_slice: sleeping.subject,
      us_per_slice_among_10: sleeping.baseline,
      ratios: sleeping.ratios,
      slice_with_all_runnable: runnable.ratio,
      per_runnable_domain_all_runnable: (runnable.ratio * 10) / many,
    },
  };
}

/** Microseconds per slice. */
function costPerSlice(host, spanNs) {
  const { ms, slices } = runFor(host, spanNs);
  return (ms * 1_000) / slices;
}

/** A coroutine guest that calls into Xen without pause; the calls do not block. */
export function hypercallsPerSecond(isSmall) {
  const sends = function* () {
    const port = yield { do: 'hypercall', call: { op: 'event_channel_op', cmd: 'bind_ipi', vcpu: 0 } };
    for (;;) yield { do: 'hypercall', call: { op: 'event_channel_op', cmd: 'send', port } };
  };
  const asks = function* () {
    for (;;) yield { do: 'hypercall', call: { op: 'vcpu_op', cmd: 'get_runstate_info' } };
  };
  const spanNs = (isSmall ? 20n : 1_000n) * msNs;
  return {
    name: 'hypervisor.hypercalls_per_s',
    value: callRate(sends, spanNs),
    unit: '1/s',
    detail: { call: 'event_channel_op send', get_runstate_info_per_s: callRate(asks, spanNs) },
  };
}

function callRate(routine, spanNs) {
  const host = hostWith({ pcpus: 1 });
  start(host, 'caller', guest('caller', routine));
  host.run(spanNs);
  const rates = Array.from({ length: 5 }, () => {
    const { hypercalls, ms } = runFor(host, spanNs);
    return (hypercalls * 1_000) / ms;
  });
  return median(rates);
}

/** Two domains that answer each other over an interdomain channel, each asleep meanwhile. */
export function eventRoundtrip(isSmall) {
  const host = hostWith({ pcpus: 1 });
  const counted = { rounds: 0 };
  let port = null;
  const answers = start(
    host,
    'answers',
    guest('answers', function* (info) {
      const call = {
        op: 'event_channel_op',
        cmd: 'alloc_unbound',
        domId: domIdSelf,
        remoteDomId: info.domId + 1,
      };
      ({ port } = yield* calling(call));
      for (;;) {
        yield { do: 'block' };
        if (info.takePendingPorts().length > 0) yield* calling({ op: 'event_channel_op', cmd: 'send', port });
      }
    }),
  );
  host.run(host.nowNs + 10n * msNs);
  start(
    host,
    'asks',
    guest('asks', function* (info) {
      const bind = {
        op: 'event_channel_op',
        cmd: 'bind_interdomain',
        remoteDomId: answers,
        remotePort: port,
      };
      const own = (yield* calling(bind)).port;
      info.takePendingPorts();
      for (;;) {
        yield* calling({ op: 'event_channel_op', cmd: 'send', port: own });
        while (info.takePendingPorts().length === 0) yield { do: 'block' };
        counted.rounds += 1;
      }
    }),
  );
  const spanNs = (isSmall ? 5n : 500n) * msNs;
  host.run(host.nowNs + spanNs);
  const rounds = Array.from({ length: 5 }, () => {
    const from = counted.rounds;
    const { ms } = runFor(host, spanNs);
    return {
      real: (ms * 1_000) / (counted.rounds - from),
      model: Number(spanNs) / 1_000 / (counted.rounds - from),
    };
  });
  return {
    name: 'hypervisor.event_roundtrip_us',
    value: median(rounds.map(({ real }) => real)),
    unit: 'us',
    detail: { host_time_us: median(rounds.map(({ model }) => model)), pcpus: 1 },
  };
}

const domIdSelf = 0x7ff0;

function* calling(call) {
  const answer = yield { do: 'hypercall', call };
  const { rc } = typeof answer === 'number' ? { rc: answer } : answer;
  if (rc < 0) throw new Error(`${call.op} ${call.cmd} answers ${rc}`);
  return typeof answer === 'number' ? { port: answer } : answer;
}
