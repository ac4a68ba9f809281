// How exactly one emulated host shares its CPUs.
import { IMAGES } from '@xenorack/hypervisor';
import { median, seeded } from '../measure.mjs';
import { computes, guest, hostWith, metersOf, msNs, processorNs, sharesOver, start } from './lab.mjs';

/** The worst relative distance of any domain from its share, over fixed and drawn settings. */
export function weightError(isSmall) {
  const drawn = seeded(20_261_122);
  const settings = [
    { pcpus: 1, domains: [[256], [512]] },
    { pcpus: 1, domains: Array.from({ length: 10 }, (_, i) => [100 * (i + 1)]) },
    { pcpus: 2, domains: [[256], [512], [256, 2]] },
    { pcpus: 2, domains: [[512], [256]] },
    ...Array.from({ length: isSmall ? 1 : 8 }, () => ({
      pcpus: 1 + drawn(4),
      domains: Array.from({ length: 5 + drawn(16) }, () => [64 + drawn(961), 1 + drawn(2)]),
    })),
  ];
  const spanS = isSmall ? 30 : 120;
  const errors = settings.map(({ pcpus, domains }) => {
    const host = hostWith({ pcpus });
    domains.forEach(([weight, vcpus = 1], i) => start(host, `d${i}`, IMAGES.busy, { weight, vcpus }));
    sharesOver(host, 5);
    const shares = sharesOver(host, spanS);
    return Math.max(...fairShares(pcpus, domains).map((fair, i) => Math.abs(shares.get(`d${i}`) / fair - 1)));
  });
  return {
    name: 'hypervisor.weight_error',
    value: Math.max(...errors),
    unit: 'ratio',
    baseline: 'the share by weight',
    goal: 0.04,
    better: 'lower',
    detail: { settings: settings.length, seconds: spanS, median: median(errors) },
  };
}

/**
 * Shares by weight per vCPU where no vCPU can have more than one pCPU: what a full one leaves flows to the others.
 * @param {number} pcpus @param {number[][]} domains [weight, vcpus = 1] @returns {number[]} pCPUs per domain.
 */
function fairShares(pcpus, domains) {
  const vcpus = domains.flatMap(([weight, count = 1], domain) =>
    Array.from({ length: count }, () => ({ domain, weight, share: 0 })),
  );
  let open = vcpus;
  let left = pcpus;
  for (;;) {
    const total = open.reduce((sum, vcpu) => sum + vcpu.weight, 0);
    const full = open.filter((vcpu) => (left * vcpu.weight) / total >= 1);
    if (full.length === 0) {
      for (const vcpu of open) vcpu.share = (left * vcpu.weight) / total;
      break;
    }
    for (const vcpu of full) vcpu.share = 1;
    left -= full.length;
    open = open.filter((vcpu) => !full.includes(vcpu));
  }
  return domains.map((_, domain) =>
    vcpus.filter((vcpu) => vcpu.domain === domain).reduce((sum, vcpu) => sum + vcpu.share, 0),
  );
}

/**
 * The worst relative distance of a capped domain from what it should get: its cap on a free host, and beside others who
 * want the same pCPUs, its weight being far above theirs.
 */
export function capError(isSmall) {
  const spanS = isSmall ? 10 : 60;
  const caps = [[1], [10], [25], [50], [90], [150, 2], [333, 4]];
  const settings = caps.flatMap(([cap, vcpus = 1]) =>
    ['none', 'busy', 'bursty'].map((neighbours) => {
      const host = hostWith({ pcpus: 4 });
      start(host, 'capped', IMAGES.busy, { cap, vcpus, weight: 2_560 });
      if (neighbours !== 'none')
        for (let i = 0; i < 6; i += 1) start(host, `n${i}`, IMAGES[neighbours], { weight: 64 });
      sharesOver(host, 1);
      return { cap, neighbours, distance: sharesOver(host, spanS).get('capped') / (cap / 100) - 1 };
    }),
  );
  const worst = settings.reduce((a, b) => (Math.abs(b.distance) > Math.abs(a.distance) ? b : a));
  return {
    name: 'hypervisor.cap_error',
    value: Math.abs(worst.distance),
    unit: 'ratio',
    baseline: 'the cap',
    goal: 0.02,
    better: 'lower',
    detail: { settings: settings.length, seconds: spanS, worst },
  };
}

/** Attackers beside an honest domain of the same weight on one pCPU. */
const attacks = {
  'dodges ticks': [IMAGES['tick-dodger'], 1],
  'naps to be boosted': [
    guest('naps', function* (info) {
      for (;;) {
        yield { do: 'work', ns: 300_000 };
        yield { do: 'block', untilNs: info.systemTimeNs() + 50_000n };
      }
    }),
    4,
  ],
  yields: [
    guest('yields', function* () {
      for (;;) yield { do: 'yield' };
    }),
    8,
  ],
  'sleeps over periods': [
    guest('sleeps', function* (info) {
      const periodNs = 30n * msNs;
      for (;;) {
        const edgeNs = (info.systemTimeNs() / periodNs + 1n) * periodNs;
        const workNs = edgeNs - info.systemTimeNs() - 10_000n;
        if (workNs > 0n) yield { do: 'work', ns: workNs };
        yield { do: 'block', untilNs: edgeNs + 10_000n };
      }
    }),
    1,
  ],
  'rings drivers': [IMAGES.hostile, 1],
  'works in I/O': [IMAGES.greedy, 1],
};

export function unbilledShare(isSmall) {
  const spanS = isSmall ? 2 : 30;
  const shares = Object.entries(attacks).map(([name, [image, vcpus]]) => {
    const host = hostWith({ pcpus: 1 });
    host.openVolume({ id: 'vol', sizeBytes: 1n << 20n });
    start(host, 'attacker', image, { vcpus, volumes: [{ volumeId: 'vol' }], commandLine: 'event-storm' });
    start(host, 'honest', IMAGES.busy, { vcpus });
    sharesOver(host, 1);
    const overheadNs = () => Number(host.sample().balance.pcpus[0].overheadNs);
    const before = { overhead: overheadNs(), behalf: metersOf(host, 1).get('attacker') };
    const own = sharesOver(host, spanS).get('attacker') * spanS;
    const billed = own + metersOf(host, 1).get('attacker') - before.behalf;
    // All of what nobody pays for is taken for the attacker's doing, the honest one's changes of slices included.
    return { name, unbilled: (overheadNs() - before.overhead) / 1e9 / spanS, taken: billed / spanS };
  });
  const worst = shares.reduce((a, b) => (b.unbilled > a.unbilled ? b : a));
  return {
    name: 'hypervisor.unbilled_share',
    value: worst.unbilled,
    unit: 'ratio',
    baseline: 'the pCPU on which it attacks',
    goal: 0.001,
    better: 'lower',
    detail: {
      seconds: spanS,
      worst: worst.name,
      taken_of_half: Object.fromEntries(shares.map(({ name, taken }) => [name, taken])),
    },
  };
}

/** Domains that really compute: what 128 of them do in a span of host time, and in processor time, over what one does. */
export function manyDomains(isSmall) {
  const rig = (domains) => {
    const host = hostWith({ pcpus: 1 });
    const counted = { units: 0 };
    for (let i = 0; i < domains; i += 1) start(host, `d${i}`, computes(counted));
    sharesOver(host, isSmall ? 0.1 : 4);
    return { host, counted };
  };
  const [many, one] = [rig(128), rig(1)];
  const spanS = isSmall ? 0.2 : 4;
  const measure = ({ host, counted }) => {
    const from = counted.units;
    const ns = processorNs(() => sharesOver(host, spanS));
    return { units: counted.units - from, perSecond: ((counted.units - from) * 1e9) / ns };
  };
  const rounds = Array.from({ length: 7 }, (_, i) => {
    const first = i % 2 === 0 ? measure(many) : null;
    const base = measure(one);
    const subject = first ?? measure(many);
    return { host: subject.units / base.units, processor: subject.perSecond / base.perSecond };
  });
  const [hostTime, processor] = ['host', 'processor'].map((key) => median(rounds.map((round) => round[key])));
  return {
    name: 'hypervisor.many_domains_ratio',
    value: hostTime * Math.min(1, processor),
    unit: 'ratio',
    baseline: 'one domain on the same pCPU',
    goal: 0.97,
    better: 'higher',
    detail: { in_host_time: hostTime, per_processor_second: processor, rounds: rounds.length },
  };
}
