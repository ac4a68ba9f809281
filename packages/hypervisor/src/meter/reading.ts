import type { PowerState } from '../abi/power.js';
import type { Incarnation } from './incarnation.js';
import type { ResourceKind } from './vector.js';

/** The cumulative values of one incarnation at one instant; `values` follows `METERS[kind]`. */
export interface MeterReading {
  serial: number;
  kind: ResourceKind;
  resourceId: string;
  state: PowerState;
  openedNs: bigint;
  atNs: bigint;
  /** The last reading of this incarnation. */
  final: boolean;
  values: bigint[];
}

/** Reads an incarnation that has been settled at `atNs`. */
export function readIncarnation(incarnation: Incarnation, atNs: bigint): MeterReading {
  return {
    serial: incarnation.serial,
    kind: incarnation.kind,
    resourceId: incarnation.resourceId,
    state: incarnation.state,
    openedNs: incarnation.openedNs,
    atNs,
    final: incarnation.closedNs !== null,
    values: incarnation.values(),
  };
}
