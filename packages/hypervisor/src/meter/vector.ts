/**
 * The closed, versioned list of what is counted. A list never changes; a different list is a new version.
 *
 * Directions are the guest's: `tx` was sent by the guest, `rx` was received by the guest.
 * All values are bigint, cumulative, only grow, and belong to one incarnation of a domain or volume.
 */
export const METER_VECTOR_VERSION = 1;

export const DOMAIN_METERS = [
  'cpu.ns',
  'cpu.onbehalf.ns',
  'memory.frame_ns',
  'net.public.rx.bytes',
  'net.public.tx.bytes',
  'net.internal.rx.bytes',
  'net.internal.tx.bytes',
  'net.rx.packets',
  'net.tx.packets',
  'state.running.ns',
  'state.paused.ns',
  'runstate.running.ns',
  'runstate.runnable.ns',
  'runstate.blocked.ns',
  'runstate.offline.ns',
] as const;

export const VOLUME_METERS = [
  'disk.read.bytes',
  'disk.write.bytes',
  'disk.read.ops',
  'disk.write.ops',
  'disk.space.byte_ns',
] as const;

export const METERS = { domain: DOMAIN_METERS, volume: VOLUME_METERS } as const;

export type ResourceKind = keyof typeof METERS;
export type DomainMeter = (typeof DOMAIN_METERS)[number];
export type VolumeMeter = (typeof VOLUME_METERS)[number];
export type Meter = DomainMeter | VolumeMeter;

const INDEX: ReadonlyMap<string, number> = new Map([
  ...DOMAIN_METERS.map((m, i) => [m, i] as const),
  ...VOLUME_METERS.map((m, i) => [m, i] as const),
]);

/** The place of a meter in the vector of its kind. */
export function meterIndex(meter: Meter): number {
  return INDEX.get(meter) as number;
}

export function isMeterOf(kind: ResourceKind, meter: string): meter is Meter {
  return (METERS[kind] as readonly string[]).includes(meter);
}
