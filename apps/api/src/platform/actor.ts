import { createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { refuse } from './problem.js';

export const tenantRoles = ['owner', 'admin', 'member', 'billing', 'viewer'] as const;
export type TenantRole = (typeof tenantRoles)[number];

export const operatorRoles = ['operator', 'finance', 'support'] as const;
export type OperatorRole = (typeof operatorRoles)[number];

export type Scope = 'read' | 'write';

/** Who asks. The guard in auth/ sets it on every request that is not public. */
export interface Actor {
  kind: 'user' | 'api_key';
  userId: string | null;
  keyId: string | null;
  /** The tenant this request speaks for; null for an operator's own staff who named none. */
  tenantId: string | null;
  role: TenantRole | null;
  operatorRole: OperatorRole | null;
  scopes: readonly Scope[];
  requestId: string;
  ip: string;
}

declare module 'fastify' {
  interface FastifyRequest {
    actor?: Actor;
    /** The body as it was received, before its schema filled in defaults. */
    receivedBody?: unknown;
  }
}

export interface Access {
  kind: 'public' | 'tenant' | 'operator' | 'signed-in';
  roles: readonly string[];
}

export const accessKey = 'xenorack:access';

/** Anybody may call this route. */
export const Public = () => SetMetadata<string, Access>(accessKey, { kind: 'public', roles: [] });

/** Anybody who is signed in, with or without a tenant. */
export const SignedIn = () => SetMetadata<string, Access>(accessKey, { kind: 'signed-in', roles: [] });

/**
 * Members of the tenant with one of these roles; without a list, every member. A route that says nothing is open to
 * every member for reading, and to owner, admin and member for writing.
 */
export const Roles = (...roles: TenantRole[]) =>
  SetMetadata<string, Access>(accessKey, { kind: 'tenant', roles });

/** The operator's staff with one of these roles; without a list, operator for writing and all three for reading. */
export const Operator = (...roles: OperatorRole[]) =>
  SetMetadata<string, Access>(accessKey, { kind: 'operator', roles });

/** The actor of this request, as a controller's argument. */
export const CurrentActor = createParamDecorator((_: unknown, context: ExecutionContext): Actor =>
  actorOf(context.switchToHttp().getRequest<FastifyRequest>()),
);

/** Errors: unauthenticated when the route let somebody in without asking who. */
export function actorOf(request: FastifyRequest): Actor {
  if (!request.actor) throw refuse('unauthenticated');
  return request.actor;
}

/** The tenant this request speaks for. Errors: tenant_required when it named none. */
export function tenantOf(actor: Actor): string {
  if (actor.tenantId === null) throw refuse('tenant_required');
  return actor.tenantId;
}
