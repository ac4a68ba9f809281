import { Body, Controller, Param, Post } from '@nestjs/common';
import { z } from 'zod';
import { Operator } from '../platform/actor.js';
import { refuse } from '../platform/problem.js';
import { Route } from '../platform/route.js';
import { IngestReadings } from './ingest-readings.js';

const decimal = z.string().regex(/^\d{1,39}$/, 'must be a non-negative decimal integer of at most 39 digits');
/** PostgreSQL keeps instants as int8. */
const NS_MAX = 2n ** 63n - 1n;
const nanoseconds = decimal.refine((text) => BigInt(text) <= NS_MAX, `must be at most ${NS_MAX} ns`);
const hex = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits');
const text = z.string().min(1).max(256);

const wireReading = z.strictObject({
  incarnation: text,
  resourceKind: z.enum(['domain', 'volume']),
  resourceId: text,
  tenantId: text,
  seq: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  hostNs: nanoseconds,
  utcNs: nanoseconds,
  kind: z.enum(['open', 'inner', 'cut', 'close']),
  state: z.enum(['running', 'paused', 'halted', 'crashed', 'present']),
  reason: text,
  vector: z.literal(1),
  values: z.array(decimal).max(64),
  prev: hex,
  hash: hex,
});

const batchSchema = z
  .strictObject({
    hostId: text,
    epoch: z
      .number()
      .int()
      .min(0)
      .max(2 ** 31 - 1),
    batch: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
    readings: z.array(wireReading).min(1).max(10_000),
    root: hex,
    signature: z.string().max(128),
  })
  .meta({ id: 'ReadingBatch' });

const outcomeSchema = z.object({ accepted: z.number().int(), duplicates: z.number().int() });

@Controller('operator/hosts')
@Operator('operator')
export class MeteringController {
  constructor(private readonly ingest: IngestReadings) {}

  @Post(':id/reading-batches')
  @Route({
    summary: 'Deliver a signed batch of meter readings',
    description:
      'What a host on another machine does. Repeats change nothing; another reading under a known seq is refused, and nothing of the batch is stored.',
    operationId: 'postReadingBatch',
    tag: 'Operator',
    params: z.object({ id: z.string().max(64) }),
    body: batchSchema,
    responses: { 200: outcomeSchema },
    problems: ['not_found', 'reading_conflict', 'conflict'],
  })
  async post(@Param('id') id: string, @Body() body: z.infer<typeof batchSchema>) {
    if (body.hostId !== id) {
      throw refuse('invalid_request', `hostId is ${body.hostId}, the path says ${id}.`, {
        errors: [{ pointer: '/hostId', code: 'mismatch', detail: `must be ${id}` }],
      });
    }
    const outcome = await this.ingest.ingest(body, 'refuse');
    return { accepted: outcome.accepted.length, duplicates: outcome.duplicates };
  }
}
