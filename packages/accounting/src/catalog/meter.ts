import type { PowerState } from './power-state.js';
import { POWER_STATES } from './power-state.js';

/**
 * Design: the meters are closed lists, one vector per kind of resource and version (A1, A2). A vector's version names
 * its order for ever: a new meter means a new version, never an edit.
 * Units: base units only (ns, bytes, frame-ns, byte-ns, packets, ops), so that every reading is an integer.
 */
export type ResourceKind = 'domain' | 'volume';

export type MeterUnit = 'ns' | 'frame_ns' | 'byte_ns' | 'bytes' | 'packets' | 'ops';

const RUNNING: readonly PowerState[] = ['running'];
const RESIDENT: readonly PowerState[] = ['running', 'paused'];
const PAUSED: readonly PowerState[] = ['paused'];
/** A volume exists, and takes space, whatever its domain does. */
const ALWAYS: readonly PowerState[] = POWER_STATES.filter((state) => state !== 'migrating');

interface MeterShape {
  readonly name: string;
  readonly unit: MeterUnit;
  /** States in which this meter can be charged (B3); the published table is made of these. */
  readonly chargedIn: readonly PowerState[];
  readonly description: string;
}

const DOMAIN_V1 = [
  {
    name: 'cpu.ns',
    unit: 'ns',
    chargedIn: RUNNING,
    description: 'CPU time of the domain itself under the CPU model',
  },
  {
    name: 'cpu.onbehalf.ns',
    unit: 'ns',
    chargedIn: RUNNING,
    description: 'Work of driver domains and the hypervisor done for the domain',
  },
  {
    name: 'memory.frame_ns',
    unit: 'frame_ns',
    chargedIn: RESIDENT,
    description: 'Frames of 4 KiB owned x time',
  },
  {
    name: 'net.public.rx.bytes',
    unit: 'bytes',
    chargedIn: RUNNING,
    description: 'Received from public peers',
  },
  { name: 'net.public.tx.bytes', unit: 'bytes', chargedIn: RUNNING, description: 'Sent to public peers' },
  {
    name: 'net.internal.rx.bytes',
    unit: 'bytes',
    chargedIn: RUNNING,
    description: 'Received from internal peers',
  },
  { name: 'net.internal.tx.bytes', unit: 'bytes', chargedIn: RUNNING, description: 'Sent to internal peers' },
  {
    name: 'net.rx.packets',
    unit: 'packets',
    chargedIn: RUNNING,
    description: 'Frames received by the netif',
  },
  { name: 'net.tx.packets', unit: 'packets', chargedIn: RUNNING, description: 'Frames sent by the netif' },
  { name: 'state.running.ns', unit: 'ns', chargedIn: RUNNING, description: 'Time the domain was unpaused' },
  { name: 'state.paused.ns', unit: 'ns', chargedIn: PAUSED, description: 'Time the domain was paused' },
  { name: 'runstate.running.ns', unit: 'ns', chargedIn: RUNNING, description: 'Vcpu time on a pcpu' },
  {
    name: 'runstate.runnable.ns',
    unit: 'ns',
    chargedIn: RUNNING,
    description: 'Vcpu time waiting for a pcpu',
  },
  { name: 'runstate.blocked.ns', unit: 'ns', chargedIn: RUNNING, description: 'Vcpu time blocked' },
  {
    name: 'runstate.offline.ns',
    unit: 'ns',
    chargedIn: RESIDENT,
    description: 'Vcpu time offline or paused',
  },
] as const satisfies readonly MeterShape[];

const VOLUME_V1 = [
  {
    name: 'disk.read.bytes',
    unit: 'bytes',
    chargedIn: RUNNING,
    description: 'Bytes read through the block backend',
  },
  {
    name: 'disk.write.bytes',
    unit: 'bytes',
    chargedIn: RUNNING,
    description: 'Bytes written through the backend',
  },
  { name: 'disk.read.ops', unit: 'ops', chargedIn: RUNNING, description: 'Read requests' },
  { name: 'disk.write.ops', unit: 'ops', chargedIn: RUNNING, description: 'Write requests' },
  { name: 'disk.space.byte_ns', unit: 'byte_ns', chargedIn: ALWAYS, description: 'Provisioned bytes x time' },
] as const satisfies readonly MeterShape[];

export type MeterName = (typeof DOMAIN_V1)[number]['name'] | (typeof VOLUME_V1)[number]['name'];

export interface MeterDefinition extends MeterShape {
  readonly name: MeterName;
  readonly resourceKind: ResourceKind;
}

export type VectorVersion = 'domain.v1' | 'volume.v1';

/** A closed list of meters in its fixed order: values[i] of a reading belongs to meters[i]. */
export interface MeterVector {
  readonly version: VectorVersion;
  readonly resourceKind: ResourceKind;
  readonly meters: readonly MeterDefinition[];
}

export const METER_VECTORS: Readonly<Record<VectorVersion, MeterVector>> = {
  'domain.v1': vector('domain.v1', 'domain', DOMAIN_V1),
  'volume.v1': vector('volume.v1', 'volume', VOLUME_V1),
};

const DEFINITION_BY_NAME: ReadonlyMap<string, MeterDefinition> = new Map(
  Object.values(METER_VECTORS).flatMap((each) => each.meters.map((meter) => [meter.name, meter] as const)),
);

export const METER_NAMES: readonly MeterName[] = [...DEFINITION_BY_NAME.values()].map((meter) => meter.name);

export function meterVector(version: string): MeterVector | undefined {
  return Object.values(METER_VECTORS).find((each) => each.version === version);
}

export function meterDefinition(name: string): MeterDefinition | undefined {
  return DEFINITION_BY_NAME.get(name);
}

/** The published table B3: per power state, the meters that can be charged in it. */
export function metersByPowerState(): Readonly<Record<PowerState, readonly MeterName[]>> {
  const table = {} as Record<PowerState, readonly MeterName[]>;
  for (const state of POWER_STATES) {
    table[state] = METER_NAMES.filter((name) => DEFINITION_BY_NAME.get(name)?.chargedIn.includes(state));
  }
  return table;
}

function vector(
  version: VectorVersion,
  resourceKind: ResourceKind,
  meters: readonly MeterShape[],
): MeterVector {
  return {
    version,
    resourceKind,
    meters: meters.map((meter) => ({ ...meter, resourceKind }) as MeterDefinition),
  };
}
