/** Words for quantities and prices of meters. Display only: the exact integers stand beside them on the wire. */
import type { MeterUnit } from '@xenorack/accounting';

const HOUR_NS = 3_600_000_000_000n;
const GIB = 1n << 30n;
const FRAMES_PER_GIB = GIB >> 12n;

/** What one displayed unit of each base unit is. */
const DISPLAY: Record<MeterUnit, { size: bigint; name: string }> = {
  ns: { size: HOUR_NS, name: 'h' },
  frame_ns: { size: FRAMES_PER_GIB * HOUR_NS, name: 'GiB-h' },
  byte_ns: { size: GIB * HOUR_NS, name: 'GiB-h' },
  bytes: { size: GIB, name: 'GiB' },
  packets: { size: 1n, name: 'packets' },
  ops: { size: 1n, name: 'requests' },
};

/** The quantity in display units with six significant decimals, e.g. `1.250000 GiB-h`. */
export function quantityText(quantity: bigint, unit: MeterUnit): string {
  const { size, name } = DISPLAY[unit];
  if (size === 1n) return `${quantity} ${name}`;
  const millionths = (quantity * 1_000_000n) / size;
  const whole = millionths / 1_000_000n;
  const fraction = (millionths % 1_000_000n).toString().padStart(6, '0');
  return `${whole}.${fraction} ${name}`;
}

/** `per hour`, `per GiB-h`, `per 1000000 requests`. */
export function perText(perQuantity: bigint, unit: MeterUnit): string {
  const { size, name } = DISPLAY[unit];
  if (perQuantity === size) return unit === 'ns' ? 'per hour' : `per ${name}`;
  if (perQuantity % size === 0n) return `per ${perQuantity / size} ${name}`;
  return `per ${perQuantity} ${unit}`;
}
