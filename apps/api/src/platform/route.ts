import { applyDecorators, HttpCode, SetMetadata } from '@nestjs/common';
import type { z } from 'zod';
import type { ProblemCode } from './problem.js';

/** What a route takes and answers: validated before the handler runs, and written into openapi.json. */
export interface RouteOptions {
  summary: string;
  description?: string;
  /** The method's name in generated clients, such as `createDomain`; unique in the whole API. */
  operationId: string;
  /** Groups the routes on the page of the documentation. */
  tag?: string;
  params?: z.ZodObject;
  query?: z.ZodObject;
  body?: z.ZodType;
  /** By status; null answers without a body. The first status is the one a returned value is sent with. */
  responses: Record<number, z.ZodType | { content: string; description?: string } | null>;
  /** Refusals of this route alone; those that every route may answer are added by themselves. */
  problems?: readonly ProblemCode[];
  /** Whether it takes an Idempotency-Key. */
  idempotencyKey?: 'required' | 'optional';
  /** Whether it wants the ETag in If-Match. */
  ifMatch?: boolean;
}

export const routeKey = 'xenorack:route';

/**
 * Documents a handler and checks what it is sent. What arrives in `@Body()`, `@Query()` and `@Param()` is the schema's
 * output, so defaults are filled in and types converted:
 *
 *     @Post()
 *     @Route({
 *       summary: 'Create a domain',
 *       operationId: 'createDomain',
 *       body: createDomainBody,                    // z.strictObject({...}).meta({ id: 'CreateDomain' }) names the schema
 *       responses: { 201: createdDomain },
 *       problems: ['limit_exceeded', 'no_capacity'],
 *       idempotencyKey: 'required',
 *     })
 *     async create(
 *       @Body() body: z.infer<typeof createDomainBody>,
 *       @CurrentActor() actor: Actor,
 *       @Req() request: FastifyRequest,
 *       @Res() reply: FastifyReply,
 *     ) {
 *       const answer = await this.idempotency.perform(request, { required: true }, (tx) => this.createDomain.run(tx, actor, body));
 *       return sendAnswer(reply, answer);
 *     }
 *
 * A handler without `@Res()` returns the body itself and is answered with the first status of `responses`.
 * Schemas with `.meta({ id })` become named components; use one zod object per id.
 */
export function Route(options: RouteOptions): MethodDecorator {
  const [first] = Object.keys(options.responses);
  return applyDecorators(SetMetadata(routeKey, options), HttpCode(Number(first)));
}
