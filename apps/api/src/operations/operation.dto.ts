import { z } from 'zod';
import type { OperationRow } from './operation.store.js';

export const operationStatuses = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const;

/** A long action with progress, as every resource shows it. */
export const operationWire = z
  .object({
    id: z.string(),
    type: z.string(),
    status: z.enum(operationStatuses),
    percent: z.number().int().min(0).max(100),
    stage: z.string().nullable(),
    subject: z.object({ type: z.string(), id: z.string() }),
    actor: z.object({ kind: z.string(), user_id: z.string().nullable(), key_id: z.string().nullable() }),
    cancellable: z.boolean(),
    error: z.record(z.string(), z.unknown()).nullable().describe('A problem document when it failed.'),
    cost_effect: z.record(z.string(), z.unknown()).nullable(),
    created_at: z.iso.datetime(),
    started_at: z.iso.datetime().nullable(),
    finished_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Operation' });

export type OperationWire = z.input<typeof operationWire>;

export function toOperationWire(row: OperationRow): OperationWire {
  return {
    id: row.id,
    type: row.type,
    status: row.status,
    percent: row.percent,
    stage: row.stage,
    subject: { type: row.subjectType, id: row.subjectId },
    actor: row.actor,
    cancellable: row.cancellable,
    error: row.error,
    cost_effect: row.costEffect,
    created_at: row.createdAt.toISOString(),
    started_at: row.startedAt?.toISOString() ?? null,
    finished_at: row.finishedAt?.toISOString() ?? null,
  };
}
