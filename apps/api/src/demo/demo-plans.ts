/**
 * The plans of the demo. Prices are list prices per running or paused hour, with an included allowance of CPU and
 * traffic and a monthly cap, except for the last one, which is paid by use alone.
 */
import type { PlanVersion, Price } from '@xenorack/accounting';

const PICO = 10n ** 12n;
const HOUR_NS = 3_600n * 10n ** 9n;
const MINUTE_NS = 60n * 10n ** 9n;
const GIB = 1n << 30n;
const MIB = 1n << 20n;
const FRAMES_PER_MIB = 256n;
const GIB_HOUR_FRAME_NS = (GIB >> 12n) * HOUR_NS;

interface Offer {
  planId: string;
  name: string;
  description: string;
  vcpus: bigint;
  memoryMib: bigint;
  diskMib: bigint;
  /** Micro-units of the currency. */
  runningHour: bigint;
  pausedHour: bigint;
  cpuHour: bigint;
  includedCpuHours: bigint;
  includedGib: bigint;
  monthlyCap: bigint | null;
}

const OFFERS: Offer[] = [
  {
    planId: 'pln_slice1',
    name: 'Slice 1',
    description: 'A small server: one vCPU, 64 MiB, 256 MiB of disk.',
    vcpus: 1n,
    memoryMib: 64n,
    diskMib: 256n,
    runningHour: 4_000n,
    pausedHour: 1_000n,
    cpuHour: 20_000n,
    includedCpuHours: 20n,
    includedGib: 10n,
    monthlyCap: 4_000_000n,
  },
  {
    planId: 'pln_slice2',
    name: 'Slice 2',
    description: 'Two vCPUs, 256 MiB, 1 GiB of disk.',
    vcpus: 2n,
    memoryMib: 256n,
    diskMib: 1_024n,
    runningHour: 10_000n,
    pausedHour: 2_500n,
    cpuHour: 20_000n,
    includedCpuHours: 40n,
    includedGib: 50n,
    monthlyCap: 10_000_000n,
  },
  {
    planId: 'pln_metered',
    name: 'Metered',
    description: 'No base fee and nothing included: every CPU second, byte and gibibyte-hour by itself.',
    vcpus: 2n,
    memoryMib: 128n,
    diskMib: 256n,
    runningHour: 0n,
    pausedHour: 0n,
    cpuHour: 3_600_000n,
    includedCpuHours: 0n,
    includedGib: 0n,
    monthlyCap: null,
  },
];

export const DEMO_PLANS = OFFERS.map(({ planId, name, description }, position) => ({
  id: planId,
  name,
  description,
  position,
}));

/** First version of each demo plan, sold from an instant on. */
export function demoPlanVersions(validFromNs: bigint): PlanVersion[] {
  return OFFERS.map((offer) => ({
    planVersionId: `${offer.planId.replace('pln_', 'plv_')}_v1`,
    planId: offer.planId,
    version: 1n,
    name: offer.name,
    description: offer.description,
    currency: 'EUR',
    validFromNs,
    size: {
      vcpus: offer.vcpus,
      memoryFrames: offer.memoryMib * FRAMES_PER_MIB,
      diskBytes: offer.diskMib * MIB,
    },
    landing: { pausedNs: 10n * MINUTE_NS, retentionNs: HOUR_NS },
    prices: pricesOf(offer),
    caps: offer.monthlyCap === null ? [] : [{ group: 'month', monthlyCapPico: micro(offer.monthlyCap) }],
  }));
}

function pricesOf(offer: Offer): Price[] {
  const capped = offer.monthlyCap === null ? {} : { capGroup: 'month' };
  const base: Price[] = [
    {
      item: 'base.running',
      description: 'Server, running',
      meter: 'state.running.ns',
      states: ['running'],
      model: {
        kind: 'unit',
        amountPico: micro(offer.runningHour),
        perQuantity: HOUR_NS,
        includedQuantity: 0n,
      },
      taxGroup: 'standard',
      ...capped,
    },
    {
      item: 'base.paused',
      description: 'Server, paused',
      meter: 'state.paused.ns',
      states: ['paused'],
      model: {
        kind: 'unit',
        amountPico: micro(offer.pausedHour),
        perQuantity: HOUR_NS,
        includedQuantity: 0n,
      },
      taxGroup: 'standard',
      ...capped,
    },
  ];
  const used: Price[] = [
    by('cpu', 'CPU time', 'cpu.ns', micro(offer.cpuHour), HOUR_NS, offer.includedCpuHours * HOUR_NS),
    by('cpu.onbehalf', 'CPU time of drivers for you', 'cpu.onbehalf.ns', micro(offer.cpuHour), HOUR_NS, 0n),
    by('memory', 'Memory', 'memory.frame_ns', micro(2_000n), GIB_HOUR_FRAME_NS, 0n),
    by('disk.space', 'Disk space', 'disk.space.byte_ns', micro(100n), GIB * HOUR_NS, 0n),
    by('disk.write', 'Disk writes', 'disk.write.bytes', micro(1_000n), GIB, 0n),
    by('net.tx', 'Traffic sent', 'net.public.tx.bytes', micro(10_000n), GIB, offer.includedGib * GIB),
    by('net.rx', 'Traffic received', 'net.public.rx.bytes', micro(2_000n), GIB, offer.includedGib * GIB),
  ];
  return offer.runningHour === 0n ? used : [...base, ...used];
}

function by(
  item: string,
  description: string,
  meter: Price['meter'],
  amountPico: bigint,
  perQuantity: bigint,
  includedQuantity: bigint,
): Price {
  const model = { kind: 'unit', amountPico, perQuantity, includedQuantity } as const;
  return { item, description, meter, states: 'any', model, taxGroup: 'standard' };
}

function micro(amount: bigint): bigint {
  return (amount * PICO) / 1_000_000n;
}
