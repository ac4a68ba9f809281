import { Controller, Get, Param, Query } from '@nestjs/common';
import { z } from 'zod';
import { exactInstantWire } from '../catalog/instant.dto.js';
import { UsageStore } from '../metering/usage.store.js';
import { readingSchema, readingWire } from '../metering/reading.dto.js';
import { CurrentActor, Roles, tenantOf, type Actor } from '../platform/actor.js';
import { isId } from '../platform/ids.js';
import {
  mapPage,
  pageOf,
  pageQuery,
  pageSchema,
  readCursor,
  readIdCursor,
  type PageQuery,
} from '../platform/page.js';
import { refuse } from '../platform/problem.js';
import { Route } from '../platform/route.js';
import { domainParams, volumeSchema } from './domain.dto.js';
import { DomainStore } from './domain.store.js';
import { volumeWire } from './show-domain.js';

const volumeParams = z.object({
  id: z.string().refine((id) => isId('vol', id), 'must be a volume id (vol_...)'),
});

/** Volumes, and the meter readings of domains and volumes: both belong to what the tenant holds. */
@Controller()
export class VolumesController {
  constructor(
    private readonly domains: DomainStore,
    private readonly usage: UsageStore,
  ) {}

  @Get('volumes')
  @Roles()
  @Route({
    summary: 'Volumes of the tenant',
    operationId: 'listVolumes',
    tag: 'Volumes',
    query: pageQuery,
    responses: { 200: pageSchema(volumeSchema) },
    problems: ['invalid_cursor'],
  })
  async list(@Query() { limit, cursor }: PageQuery, @CurrentActor() actor: Actor) {
    const rows = await this.domains.listVolumes(tenantOf(actor), readIdCursor(cursor), limit + 1);
    return mapPage(
      pageOf(rows, limit, (row) => [row.id]),
      volumeWire,
    );
  }

  @Get('volumes/:id/meter-readings')
  @Roles()
  @Route({
    summary: 'Meter readings of a volume, newest first',
    operationId: 'listVolumeReadings',
    tag: 'Volumes',
    params: volumeParams,
    query: pageQuery,
    responses: { 200: pageSchema(readingSchema) },
    problems: ['not_found', 'invalid_cursor'],
  })
  async volumeReadings(@Param('id') id: string, @Query() query: PageQuery, @CurrentActor() actor: Actor) {
    if (!(await this.domains.findVolume(tenantOf(actor), id)))
      throw refuse('not_found', `There is no volume ${id}.`);
    return this.readings(id, 'volume', query);
  }

  @Get('domains/:id/meter-readings')
  @Roles()
  @Route({
    summary: 'Meter readings of a domain, newest first',
    operationId: 'listDomainReadings',
    tag: 'Domains',
    params: domainParams,
    query: pageQuery,
    responses: { 200: pageSchema(readingSchema) },
    problems: ['not_found', 'invalid_cursor'],
  })
  async domainReadings(@Param('id') id: string, @Query() query: PageQuery, @CurrentActor() actor: Actor) {
    if (!(await this.domains.find(id, tenantOf(actor))))
      throw refuse('not_found', `There is no domain ${id}.`);
    return this.readings(id, 'domain', query);
  }

  private async readings(resourceId: string, kind: 'domain' | 'volume', { limit, cursor }: PageQuery) {
    const at = readCursor(cursor, 3);
    const before = at ? { utcNs: BigInt(at[0]!), incarnationId: at[1]!, seq: BigInt(at[2]!) } : null;
    const rows = await this.usage.readingsOf(resourceId, before, limit + 1);
    return mapPage(
      pageOf(rows, limit, (row) => [row.utcNs.toString(), row.incarnationId, row.seq.toString()]),
      (row) => readingWire(row, kind, exactInstantWire(row.utcNs)),
    );
  }
}
