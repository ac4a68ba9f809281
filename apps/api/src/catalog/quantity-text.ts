/** Words for quantities and prices of meters. Display only: the exact integers stand beside them on the wire. */
import type { MeterUnit } from '@xenorack/accounting';

const SECOND_NS = 1_000_000_000n;
const HOUR_NS = 3_600n * SECOND_NS;
const MIB = 1n << 20n;
const GIB = 1n << 30n;
const FRAME_BYTES = 4_096n;

interface Scale {
  size: bigint;
  name: string;
}

/** Largest first; prices are quoted per the largest. */
const SCALES: Record<MeterUnit, readonly Scale[]> = {
  ns: [
    { size: HOUR_NS, name: 'h' },
    { size: SECOND_NS, name: 's' },
    { size: 1_000_000n, name: 'ms' },
    { size: 1_000n, name: 'µs' },
  ],
  frame_ns: byteHours(FRAME_BYTES),
  byte_ns: byteHours(1n),
  bytes: [
    { size: GIB, name: 'GiB' },
    { size: MIB, name: 'MiB' },
    { size: 1_024n, name: 'KiB' },
    { size: 1n, name: 'B' },
  ],
  packets: [{ size: 1n, name: 'packets' }],
  ops: [{ size: 1n, name: 'requests' }],
};

/** Held bytes times time, for a unit that counts `bytesPerUnit` at once. */
function byteHours(bytesPerUnit: bigint): Scale[] {
  return [
    { size: (GIB / bytesPerUnit) * HOUR_NS, name: 'GiB-h' },
    { size: (MIB / bytesPerUnit) * HOUR_NS, name: 'MiB-h' },
    { size: (MIB / bytesPerUnit) * SECOND_NS, name: 'MiB-s' },
  ];
}

/** The quantity in the largest unit it fills, cut to three decimals: `1.250 GiB-h`, `800.850 µs`, `12 B`. */
export function quantityText(quantity: bigint, unit: MeterUnit): string {
  const scales = SCALES[unit];
  const { size, name } = scales.find((scale) => quantity >= scale.size) ?? scales.at(-1)!;
  if (size === 1n) return `${quantity} ${name}`;
  const thousandths = (quantity * 1_000n) / size;
  return `${thousandths / 1_000n}.${(thousandths % 1_000n).toString().padStart(3, '0')} ${name}`;
}

/** `per hour`, `per GiB-h`, `per 2 GiB`; base units when the price is for no whole number of large ones. */
export function perText(perQuantity: bigint, unit: MeterUnit): string {
  const { size, name } = SCALES[unit][0]!;
  if (perQuantity === size) return unit === 'ns' ? 'per hour' : `per ${name}`;
  if (perQuantity % size === 0n) return `per ${perQuantity / size} ${name}`;
  return `per ${perQuantity} ${unit}`;
}
