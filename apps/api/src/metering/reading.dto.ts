import { METER_VECTORS } from '@xenorack/accounting';
import { z } from 'zod';
import type { ReadingRow } from './usage.store.js';

export const readingSchema = z
  .object({
    incarnation: z.string(),
    seq: z.string(),
    kind: z.enum(['open', 'inner', 'cut', 'close']),
    state: z.string(),
    reason: z.string(),
    at: z.string().describe('Label of the reading: RFC 3339 with nanoseconds.'),
    host_ns: z.string(),
    values: z
      .record(z.string(), z.string())
      .describe('Cumulative counters since the incarnation opened, by meter.'),
    prev: z.string().describe('Hex SHA-256 of the reading before it.'),
    hash: z.string(),
  })
  .meta({ id: 'MeterReading' });

export function readingWire(
  row: ReadingRow,
  kind: 'domain' | 'volume',
  at: string,
): z.infer<typeof readingSchema> {
  const meters = METER_VECTORS[`${kind}.v1`].meters;
  return {
    incarnation: row.incarnationId,
    seq: row.seq.toString(),
    kind: row.kind,
    state: row.state,
    reason: row.reason,
    at,
    host_ns: row.hostNs.toString(),
    values: Object.fromEntries(
      meters.map((meter, place) => [meter.name, (row.values[place] ?? 0n).toString()]),
    ),
    prev: row.prev,
    hash: row.hash,
  };
}
