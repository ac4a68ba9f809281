import { Body, Controller, Get, Param, Patch } from '@nestjs/common';
import { z } from 'zod';
import { Operator } from '../platform/actor.js';
import { refuse } from '../platform/problem.js';
import { Route } from '../platform/route.js';
import { HostStore, type HostRow } from './host.store.js';

const FRAMES_PER_MIB = 256;

const balanceSchema = z
  .object({
    elapsed_ns: z.string().describe('Host time times pCPUs.'),
    own_ns: z.string(),
    onbehalf_ns: z.string(),
    overhead_ns: z.string(),
    idle_ns: z.string(),
    lost_ns: z.string().describe('What the real machine could not deliver; never billed.'),
  })
  .meta({ id: 'TrialBalance' });

const hostSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    location: z.string(),
    state: z.enum(['up', 'down', 'frozen', 'cordoned']),
    epoch: z.number().int().nullable(),
    pcpus: z.number().int(),
    memory_mib: z.object({
      total: z.number().int(),
      sellable: z.number().int(),
      claimed: z.number().int(),
      xen: z.number().int().nullable(),
      free: z.number().int().nullable(),
    }),
    domains: z.number().int(),
    balance: balanceSchema.nullable(),
    unacknowledged_batches: z.number().int().nullable(),
    last_seen_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Host' });

const params = z.object({ id: z.string().max(64) });

@Controller('operator/hosts')
@Operator()
export class HostsController {
  constructor(private readonly hosts: HostStore) {}

  @Get()
  @Route({
    summary: 'Hosts with their trial balances',
    operationId: 'listHosts',
    tag: 'Operator',
    responses: { 200: z.object({ data: z.array(hostSchema) }) },
  })
  async list() {
    const domains = await this.hosts.countDomains();
    return { data: (await this.hosts.list()).map((host) => hostWire(host, domains.get(host.id) ?? 0)) };
  }

  @Patch(':id')
  @Operator('operator')
  @Route({
    summary: 'Cordon a host, or take it back: a cordoned one gets no new domains',
    operationId: 'changeHost',
    tag: 'Operator',
    params,
    body: z.strictObject({ cordoned: z.boolean() }),
    responses: { 200: hostSchema },
    problems: ['not_found'],
  })
  async change(@Param('id') id: string, @Body() { cordoned }: { cordoned: boolean }) {
    const host = await this.hosts.setCordoned(id, cordoned);
    if (!host) throw refuse('not_found', `There is no host ${id}.`);
    return hostWire(host, (await this.hosts.countDomains()).get(id) ?? 0);
  }
}

function hostWire(host: HostRow, domains: number): z.infer<typeof hostSchema> {
  const { figures } = host;
  const mib = (frames: number) => Math.floor(frames / FRAMES_PER_MIB);
  return {
    id: host.id,
    name: host.name,
    location: host.location,
    state: host.state === 'up' && host.cordoned ? 'cordoned' : host.state,
    epoch: host.epoch,
    pcpus: host.pcpus,
    memory_mib: {
      total: mib(host.framesTotal),
      sellable: mib(host.framesSellable),
      claimed: mib(host.framesClaimed),
      xen: figures && mib(figures.framesXen),
      free: figures && mib(figures.framesFree),
    },
    domains,
    balance: figures && {
      elapsed_ns: figures.elapsedNs,
      own_ns: figures.ownNs,
      onbehalf_ns: figures.onBehalfNs,
      overhead_ns: figures.overheadNs,
      idle_ns: figures.idleNs,
      lost_ns: figures.lostNs,
    },
    unacknowledged_batches: figures && figures.unacknowledgedBatches,
    last_seen_at: host.lastSeenAt?.toISOString() ?? null,
  };
}
