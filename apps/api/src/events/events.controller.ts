import { Controller, Get, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type Actor, CurrentActor, Operator, Roles, tenantOf } from '../platform/actor.js';
import { pageOf, pageQuery, pageSchema, readCursor } from '../platform/page.js';
import { refuse } from '../platform/problem.js';
import { Route } from '../platform/route.js';
import { EventStore } from './event.store.js';
import { StreamEvents } from './stream-events.js';

const eventWire = z
  .object({
    id: z.string(),
    seq: z.string().describe('Orders all events; the id of the event in a stream.'),
    type: z.string(),
    tenant_id: z.string().nullable(),
    subject: z.object({ type: z.string(), id: z.string() }),
    data: z.record(z.string(), z.unknown()),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Event' });

const eventsQuery = pageQuery.extend({
  types: z.string().max(500).optional().describe('Only these types, separated by commas.'),
  subject: z.string().max(64).optional().describe('Only events about this id.'),
  last_event_id: z.string().max(40).optional().describe('For streams: like the Last-Event-ID header.'),
});
type EventsQuery = z.infer<typeof eventsQuery>;

const description =
  'With `Accept: text/event-stream` a live stream: each event has its seq as id, `Last-Event-ID` resumes after it, ' +
  '`resync` says that too much was missed, `ready` says where the stream begins; figures come once a second without id.';

@Controller()
export class EventsController {
  constructor(
    private readonly store: EventStore,
    private readonly streamEvents: StreamEvents,
  ) {}

  @Get('events')
  @Roles()
  @Route({
    summary: 'Events, newest first, or live',
    description,
    operationId: 'listEvents',
    tag: 'Events',
    query: eventsQuery,
    responses: { 200: pageSchema(eventWire) },
    problems: ['invalid_cursor'],
  })
  async list(
    @Query() query: EventsQuery,
    @CurrentActor() actor: Actor,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ) {
    await this.answer(tenantOf(actor), query, request, reply);
  }

  @Get('operator/events')
  @Operator()
  @Route({
    summary: 'Events of all tenants, newest first, or live',
    description,
    operationId: 'listOperatorEvents',
    tag: 'Operator',
    query: eventsQuery,
    responses: { 200: pageSchema(eventWire) },
    problems: ['invalid_cursor'],
  })
  async listAll(@Query() query: EventsQuery, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    await this.answer(null, query, request, reply);
  }

  private async answer(
    tenantId: string | null,
    query: EventsQuery,
    request: FastifyRequest,
    reply: FastifyReply,
  ) {
    if (request.headers.accept?.includes('text/event-stream')) {
      const header = request.headers['last-event-id'];
      const lastEventId = (Array.isArray(header) ? header[0] : header) ?? query.last_event_id;
      return this.streamEvents.run(reply, tenantId, lastEventId);
    }
    await reply.send(await this.page(tenantId, query));
  }

  private async page(tenantId: string | null, query: EventsQuery) {
    const before = readCursor(query.cursor, 1)?.[0];
    if (before !== undefined && !/^\d{1,18}$/.test(before)) throw refuse('invalid_cursor');
    const rows = await this.store.list({
      tenantId: tenantId ?? undefined,
      types: query.types?.split(','),
      subjectId: query.subject,
      before: before === undefined ? undefined : BigInt(before),
      take: query.limit + 1,
    });
    return pageOf(rows, query.limit, (event) => [event.seq]);
  }
}
