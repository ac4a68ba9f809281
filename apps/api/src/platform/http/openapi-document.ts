import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { DiscoveryService, type ModulesContainer } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type Access, accessKey } from '../actor.js';
import { type ProblemCode, problemTable } from '../problem.js';
import { routeKey, type RouteOptions } from '../route.js';

/*
 * Design: Nest's swagger module finds the paths and methods; what they take and answer comes from `@Route`, the same
 * zod schemas that check the requests. Schemas named with `.meta({ id })` become components and are referred to.
 * Every operation of the document has its `@Route`, or making the document throws.
 */

type Json = Record<string, unknown>;
type FoundRoute = RouteOptions & { isPublic: boolean };

const problemWire = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string().optional(),
    code: z.enum(Object.keys(problemTable) as [ProblemCode, ...ProblemCode[]]),
    request_id: z.string(),
    retryable: z.boolean(),
    errors: z
      .array(z.object({ pointer: z.string(), code: z.string(), detail: z.string() }))
      .optional()
      .describe('Each field that does not fit, by JSON pointer.'),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details.' });

/** Builds the OpenAPI 3.1 document of an application, also of one that was made for its routes alone. */
export function openapiDocument(app: NestFastifyApplication): OpenAPIObject {
  const builder = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Xenorack API')
    .setDescription(
      'Hosting of domains, metered and billed to the second. Errors are RFC 9457 problem documents.',
    )
    .setVersion('1')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An API key, xr_...' }, 'apiKey')
    .addCookieAuth('xenorack.session_token', { type: 'apiKey', in: 'cookie' }, 'session')
    .addSecurityRequirements('apiKey')
    .addSecurityRequirements('session')
    .build();
  const document = SwaggerModule.createDocument(app, builder, {
    operationIdFactory: (controller, method) => `${controller}.${method}`,
  });
  const routes = routesOf(app);
  const components: Json = {};
  for (const item of Object.values(document.paths)) {
    for (const [method, operation] of Object.entries(item as Record<string, Json>)) {
      if (typeof operation !== 'object' || !('operationId' in operation)) continue;
      const route = routes.get(String(operation.operationId));
      if (!route)
        throw new Error(`${method.toUpperCase()} handler ${String(operation.operationId)} has no @Route.`);
      (item as Json)[method] = describe(route, components);
    }
  }
  assertUnique([...routes.values()].map((route) => route.operationId));
  jsonSchema(problemWire, 'output', components);
  document.components = { ...document.components, schemas: components as never };
  return document;
}

/** Serves the document at /v1/openapi.json. It is built when first asked for. */
export function serveDocument(app: NestFastifyApplication): void {
  let document: OpenAPIObject | undefined;
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  fastify.get('/v1/openapi.json', (_request, reply) => {
    document ??= openapiDocument(app);
    void reply.header('Cache-Control', 'public, max-age=60').send(document);
  });
}

/** Serves a page to read and try the API at /docs. */
export function serveDocumentPage(app: NestFastifyApplication): void {
  const options = { customSiteTitle: 'Xenorack API', raw: false };
  SwaggerModule.setup('docs', app, () => openapiDocument(app), options);
}

/** Every `@Route` by the name of its controller and method. */
function routesOf(app: NestFastifyApplication): Map<string, FoundRoute> {
  const routes = new Map<string, FoundRoute>();
  for (const { metatype } of new DiscoveryService(modulesOf(app)).getControllers()) {
    const prototype = (metatype as { prototype?: object } | undefined)?.prototype;
    if (!prototype) continue;
    for (const name of Object.getOwnPropertyNames(prototype)) {
      const handler: unknown = Object.getOwnPropertyDescriptor(prototype, name)?.value;
      if (typeof handler !== 'function') continue;
      const route = Reflect.getMetadata(routeKey, handler) as RouteOptions | undefined;
      const access = (Reflect.getMetadata(accessKey, handler) ??
        Reflect.getMetadata(accessKey, metatype as object)) as Access | undefined;
      if (route)
        routes.set(`${(metatype as { name: string }).name}.${name}`, {
          ...route,
          isPublic: access?.kind === 'public',
        });
    }
  }
  return routes;
}

/** The application's own table of modules. `app.get(ModulesContainer)` has none when nothing is constructed. */
function modulesOf(app: NestFastifyApplication): ModulesContainer {
  return (app as unknown as { container: { getModules(): ModulesContainer } }).container.getModules();
}

function assertUnique(names: string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`Two routes have the operationId "${twice}".`);
}

function describe(route: FoundRoute, components: Json): Json {
  return {
    operationId: route.operationId,
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    ...(route.tag === undefined ? {} : { tags: [route.tag] }),
    ...(route.isPublic ? { security: [] } : {}),
    parameters: [
      ...parametersOf(route.params, 'path', components),
      ...parametersOf(route.query, 'query', components),
      ...headersOf(route),
    ],
    ...(route.body
      ? {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: jsonSchema(route.body, 'input', components) } },
          },
        }
      : {}),
    responses: { ...answersOf(route, components), ...problemsOf(route) },
  };
}

function parametersOf(schema: z.ZodObject | undefined, where: 'path' | 'query', components: Json): Json[] {
  if (!schema) return [];
  const described = jsonSchema(schema, 'input', components) as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(described.properties ?? {}).map(([name, { description, ...property }]) => ({
    name,
    in: where,
    required: where === 'path' || (described.required ?? []).includes(name),
    ...(description === undefined ? {} : { description }),
    schema: property,
  }));
}

function headersOf(route: RouteOptions): Json[] {
  const headers: Json[] = [];
  const header = (name: string, required: boolean, description: string) =>
    headers.push({ name, in: 'header', required, description, schema: { type: 'string' } });
  if (route.idempotencyKey) {
    const required = route.idempotencyKey === 'required';
    header(
      'Idempotency-Key',
      required,
      'Repeating a request with its key answers what was answered first; kept 24 h.',
    );
  }
  if (route.ifMatch) header('If-Match', true, 'The ETag that was read.');
  return headers;
}

function answersOf(route: RouteOptions, components: Json): Json {
  return Object.fromEntries(
    Object.entries(route.responses).map(([status, answer]) => {
      if (answer === null) return [status, { description: 'Done; no body.' }];
      if (!('safeParse' in answer)) {
        const content = { [answer.content]: { schema: { type: 'string' } } };
        return [status, { description: answer.description ?? 'A document.', content }];
      }
      const content = { 'application/json': { schema: jsonSchema(answer, 'output', components) } };
      return [status, { description: answer.description ?? 'Done.', content }];
    }),
  );
}

/** The refusals of a route by status: its own, and those that follow from what it takes. */
function problemsOf(route: FoundRoute): Json {
  const codes = new Set<ProblemCode>([
    'unauthenticated',
    'forbidden',
    'rate_limited',
    'internal_error',
    ...(route.problems ?? []),
  ]);
  if (!route.isPublic) codes.add('unauthenticated').add('forbidden');
  if (route.params) codes.add('not_found');
  if (route.query || route.body) codes.add('invalid_request');
  if (route.body)
    for (const code of ['malformed_json', 'payload_too_large', 'unsupported_media_type'] as const)
      codes.add(code);
  if (route.idempotencyKey) {
    for (const code of [
      'invalid_idempotency_key',
      'idempotency_key_reused',
      'idempotency_in_flight',
    ] as const)
      codes.add(code);
    if (route.idempotencyKey === 'required') codes.add('idempotency_key_required');
  }
  if (route.ifMatch)
    for (const code of ['precondition_required', 'precondition_failed'] as const) codes.add(code);
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of codes)
    byStatus.set(problemTable[code].status, [...(byStatus.get(problemTable[code].status) ?? []), code]);
  const content = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };
  return Object.fromEntries(
    [...byStatus]
      .sort(([a], [b]) => a - b)
      .map(([status, list]) => [
        status,
        { description: list.map((code) => `\`${code}\``).join(', '), content },
      ]),
  );
}

/** A zod schema as JSON schema, its named parts moved into `components`. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output', components: Json): Json {
  const options = { io, unrepresentable: 'any', target: 'draft-2020-12' } as const;
  const { $schema: _, $defs, ...root } = z.toJSONSchema(schema, options) as Json;
  for (const [name, value] of Object.entries(($defs ?? {}) as Json)) {
    const part = forContract(value);
    const known = components[name];
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(part)) {
      throw new Error(
        `Two schemas are named "${name}", or one differs as input and as output (a default, a transform).`,
      );
    }
    components[name] = part;
  }
  return forContract(root) as Json;
}

/**
 * Points references at the components. Leaves out what zod adds to every whole number and to every object: an answer
 * may gain members, so no client is to count on there being no others.
 */
function forContract(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(forContract);
  if (typeof value !== 'object' || value === null) return value;
  const kept: Json = {};
  for (const [name, part] of Object.entries(value)) {
    if (part === Number.MAX_SAFE_INTEGER || part === Number.MIN_SAFE_INTEGER) continue;
    if (name === 'additionalProperties' && part === false) continue;
    // A format says the same as zod's pattern for it, in fewer and more readable characters.
    if (name === 'pattern' && 'format' in value) continue;
    const isReference = name === '$ref' && typeof part === 'string';
    kept[name] = isReference ? part.replace('#/$defs/', '#/components/schemas/') : forContract(part);
  }
  return kept;
}
