import { Controller, Get, Param, Query } from '@nestjs/common';
import { METER_VECTORS, parseInstant } from '@xenorack/accounting';
import { z } from 'zod';
import { instantWire } from '../catalog/instant.dto.js';
import { UsageStore } from '../metering/usage.store.js';
import { CurrentActor, Roles, tenantOf, type Actor } from '../platform/actor.js';
import { refuse } from '../platform/problem.js';
import { Route } from '../platform/route.js';
import { WallClock } from '../platform/wall-clock.js';
import { domainParams } from './domain.dto.js';
import { DomainStore, type DomainRow } from './domain.store.js';

const SECOND_NS = 1_000_000_000n;
const FRAME_BYTES = 4_096n;
const POINTS_MAX = 2_000n;

/** Each series: the meter it is the rate of, how a rate per second becomes the shown unit, and the limit to draw. */
const SERIES = {
  cpu: {
    meters: ['cpu.ns', 'cpu.onbehalf.ns'],
    unit: 'percent',
    limit: (d: DomainRow) => String(d.cap || d.vcpus * 100),
  },
  memory: {
    meters: ['memory.frame_ns'],
    unit: 'bytes',
    limit: (d: DomainRow) => (BigInt(d.memoryFrames) * FRAME_BYTES).toString(),
  },
  net_rx: { meters: ['net.public.rx.bytes'], unit: 'bytes_per_s', limit: () => null },
  net_tx: { meters: ['net.public.tx.bytes'], unit: 'bytes_per_s', limit: () => null },
  disk_read: { meters: ['disk.read.bytes'], unit: 'bytes_per_s', limit: () => null },
  disk_write: { meters: ['disk.write.bytes'], unit: 'bytes_per_s', limit: () => null },
} as const;
type SeriesName = keyof typeof SERIES;
const SERIES_NAMES = Object.keys(SERIES) as [SeriesName, ...SeriesName[]];

const query = z.object({
  names: z
    .string()
    .default(SERIES_NAMES.join(','))
    .transform((names) => [...new Set(names.split(','))])
    .pipe(z.array(z.enum(SERIES_NAMES)).min(1))
    .describe(`Comma-separated: ${SERIES_NAMES.join(', ')}.`),
  start: z.iso.datetime().optional().describe('Two minutes ago when left out.'),
  end: z.iso.datetime().optional().describe('Now when left out.'),
  step: z.coerce.number().int().min(1).max(86_400).default(1).describe('Seconds per point.'),
});

const metricsSchema = z
  .object({
    start: z.string(),
    end: z.string(),
    step_seconds: z.number().int(),
    series: z.array(
      z.object({
        name: z.string(),
        unit: z.string(),
        limit: z.string().nullable(),
        points: z
          .array(z.tuple([z.string(), z.string().nullable()]))
          .describe('Null where nothing was metered.'),
      }),
    ),
  })
  .meta({ id: 'Metrics' });

@Controller('domains/:id/metrics')
export class MetricsController {
  constructor(
    private readonly domains: DomainStore,
    private readonly usage: UsageStore,
    private readonly clock: WallClock,
  ) {}

  @Get()
  @Roles()
  @Route({
    summary: 'Series of a domain: rates between meter readings',
    operationId: 'getDomainMetrics',
    tag: 'Domains',
    params: domainParams,
    query,
    responses: { 200: metricsSchema },
    problems: ['not_found'],
  })
  async metrics(
    @Param('id') id: string,
    @Query() asked: z.infer<typeof query>,
    @CurrentActor() actor: Actor,
  ) {
    const domain = await this.domains.find(id, tenantOf(actor));
    if (!domain) throw refuse('not_found', `There is no domain ${id}.`);
    const stepNs = BigInt(asked.step) * SECOND_NS;
    const endNs = asked.end === undefined ? this.clock.nowNs() : parseInstant(asked.end)!;
    const startNs = asked.start === undefined ? endNs - 120n * SECOND_NS : parseInstant(asked.start)!;
    const count = endNs > startNs ? (endNs - startNs) / stepNs : 0n;
    if (count < 1n || count > POINTS_MAX) {
      const detail = `start, end and step make ${count} points, from 1 to ${POINTS_MAX} are served.`;
      throw refuse('invalid_request', detail, {
        errors: [{ pointer: '/query/step', code: 'out_of_range', detail }],
      });
    }
    const resourceIds = [id, ...domain.volumes.map((volume) => volume.id)];
    const rates = ratesByMeter(await this.usage.readingsAtSteps(resourceIds, startNs, endNs, stepNs));
    const places = Array.from({ length: Number(count) }, (_, place) => place);
    return {
      start: instantWire(startNs),
      end: instantWire(endNs),
      step_seconds: asked.step,
      series: asked.names.map((name) => ({
        name,
        unit: SERIES[name].unit,
        limit: SERIES[name].limit(domain),
        points: places.map((place): [string, string | null] => [
          instantWire(startNs + BigInt(place + 1) * stepNs),
          pointText(name, place, rates),
        ]),
      })),
    };
  }
}

type Samples = Awaited<ReturnType<UsageStore['readingsAtSteps']>>;

/** Rate per second in millionths by `<meter> <bucket>`, volumes added to their domain. */
function ratesByMeter(samples: Samples): Map<string, bigint> {
  const rates = new Map<string, bigint>();
  const last = new Map<string, Samples[number]>();
  for (const sample of samples) {
    const before = last.get(sample.incarnationId);
    last.set(sample.incarnationId, sample);
    const elapsedNs = before ? sample.utcNs - before.utcNs : 0n;
    if (!before || elapsedNs <= 0n) continue;
    const kind = sample.resourceId.startsWith('vol_') ? 'volume.v1' : 'domain.v1';
    METER_VECTORS[kind].meters.forEach(({ name }, at) => {
      const perSecond =
        (((sample.values[at] ?? 0n) - (before.values[at] ?? 0n)) * SECOND_NS * 1_000_000n) / elapsedNs;
      const key = `${name} ${sample.bucket}`;
      rates.set(key, (rates.get(key) ?? 0n) + perSecond);
    });
  }
  return rates;
}

function pointText(name: SeriesName, place: number, rates: Map<string, bigint>): string | null {
  const found = SERIES[name].meters.map((meter) => rates.get(`${meter} ${place}`));
  if (found.every((rate) => rate === undefined)) return null;
  const sum = found.reduce<bigint>((total, rate) => total + (rate ?? 0n), 0n);
  // Time meters count ns per s: 10^9 of them are one whole pCPU, or one frame held.
  if (name === 'cpu') return decimal(sum / 10_000_000n, 6);
  if (name === 'memory') return ((sum * FRAME_BYTES) / (SECOND_NS * 1_000_000n)).toString();
  return (sum / 1_000_000n).toString();
}

function decimal(scaled: bigint, digits: number): string {
  const text = scaled.toString().padStart(digits + 1, '0');
  return `${text.slice(0, -digits)}.${text.slice(-digits, -digits + 2)}`;
}
