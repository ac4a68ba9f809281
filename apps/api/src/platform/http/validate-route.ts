import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { type FieldError, refuse } from '../problem.js';
import { routeKey, type RouteOptions } from '../route.js';

const errorsMax = 20;
const shownMax = 60;
const secretFields = /password|secret|token/i;
/** What PostgreSQL can not keep: the zero byte in text, half a surrogate pair in JSON. */
const unstorable = /\0|\p{Surrogate}/u;

/** Checks parameters, query and body against the route's schemas and puts the schemas' output in their place. */
@Injectable()
export class ValidateRoute implements NestInterceptor {
  constructor(private readonly reflector: Reflector) {}

  intercept(context: ExecutionContext, next: CallHandler) {
    const route = this.reflector.get<RouteOptions | undefined>(routeKey, context.getHandler());
    if (route) validate(context.switchToHttp().getRequest<FastifyRequest>(), route);
    return next.handle();
  }
}

/** Errors: not_found for an id that cannot be one, invalid_request naming every field that does not fit. */
function validate(request: FastifyRequest, route: RouteOptions): void {
  const errors: FieldError[] = [];
  if (route.params) {
    const params = parse(route.params, request.params, '/params', errors);
    // A malformed id cannot be the id of anything.
    if (errors.length > 0) throw refuse('not_found', errors[0]?.detail);
    request.params = params;
  }
  if (route.query) request.query = parse(route.query, request.query, '/query', errors);
  if (route.body) {
    request.receivedBody = request.body;
    request.body = parse(route.body, request.body ?? undefined, '', errors);
  }
  if (errors.length === 0) return;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  throw refuse('invalid_request', `${errors[0]?.detail}${more}`, { errors: errors.slice(0, errorsMax) });
}

function parse(schema: z.ZodType, value: unknown, root: string, errors: FieldError[]): unknown {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) {
    findUnstorable(value, [], root, errors);
    return result.data;
  }
  for (const issue of result.error.issues) errors.push(fieldError(issue, root));
  return undefined;
}

/** Names every text, members' names included, that could not be stored as it was sent. */
function findUnstorable(value: unknown, steps: string[], root: string, errors: FieldError[]): void {
  if (typeof value === 'string' && unstorable.test(value)) {
    const detail = `${steps.join('.')}: must not have a zero byte or half a surrogate pair; the value is ${shown(value)}.`;
    errors.push({ pointer: pointerOf(root, steps), code: 'invalid_text', detail });
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [name, part] of Object.entries(value)) {
    if (unstorable.test(name)) findUnstorable(name, steps, root, errors);
    findUnstorable(part, [...steps, name], root, errors);
  }
}

function pointerOf(root: string, steps: string[]): string {
  return [root, ...steps.map((step) => step.replaceAll('~', '~0').replaceAll('/', '~1'))].join('/');
}

function fieldError(issue: z.core.$ZodIssue, root: string): FieldError {
  const steps = issue.path.map(String);
  const pointer = pointerOf(root, steps);
  const name = steps.join('.') || (root === '' ? 'The body' : root.slice(1));
  const value = secretFields.test(name) ? '' : `; the value is ${shown(issue.input)}`;
  return { pointer, code: issue.code, detail: `${name}: ${issue.message}${value}.` };
}

function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  // A value that JSON cannot write (a bigint of a converted field) is shown as text.
  const text = typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > shownMax ? `${text.slice(0, shownMax)}... (${text.length} characters)` : text;
}
