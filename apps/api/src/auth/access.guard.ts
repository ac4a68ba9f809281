import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { type Access, accessKey, type Actor, type Scope } from '../platform/actor.js';
import { Config } from '../platform/config.js';
import type { LoggedRequest } from '../platform/http/request-logging.js';
import { refuse } from '../platform/problem.js';
import { RateLimiter } from '../platform/rate-limit.js';
import { ApiKeyStore } from './api-key.store.js';
import { isCsrfToken } from './csrf.js';
import { Identity, type Session } from './identity.js';
import { type Membership, MembershipStore } from './membership.store.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** The session behind the actor, when it is a person's. */
    session?: Session;
    memberships?: Membership[];
  }
}

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS']);
const writers = ['owner', 'admin', 'member'];
const failuresPerSignInAllowance = 10;

/** Decides who asks (key or session) and whether the route is for them. Everything not public passes here. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly config: Config,
    private readonly identity: Identity,
    private readonly keys: ApiKeyStore,
    private readonly memberships: MembershipStore,
    private readonly limiter: RateLimiter,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const access = this.accessOf(context);
    if (access.kind === 'public') return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const { actor, suspended } = await this.authenticate(request);
    request.actor = actor;
    (request.raw as LoggedRequest).loggedTenantId = actor.tenantId;
    authorize(request, access, actor, suspended);
    return true;
  }

  private accessOf(context: ExecutionContext): Access {
    const named = this.reflector.getAllAndOverride<Access | undefined>(accessKey, [
      context.getHandler(),
      context.getClass(),
    ]);
    return named ?? { kind: 'tenant', roles: [] };
  }

  private async authenticate(request: FastifyRequest): Promise<{ actor: Actor; suspended: boolean }> {
    const { authorization, cookie } = request.headers;
    if (authorization !== undefined) return this.byKey(request, authorization);
    if (cookie !== undefined) return this.bySession(request, cookie);
    throw refuse(
      'unauthenticated',
      'Send "Authorization: Bearer xr_..." or sign in.',
      {},
      { 'WWW-Authenticate': 'Bearer' },
    );
  }

  /** Errors: unauthenticated; rate_limited for an address that keeps sending keys that are none. */
  private async byKey(
    request: FastifyRequest,
    authorization: string,
  ): Promise<{ actor: Actor; suspended: boolean }> {
    const secret = /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? '';
    const key = await this.keys.find(secret);
    if (!key) {
      const limit = this.config.signInLimitPerMinute * failuresPerSignInAllowance;
      await this.limiter.takeOrRefuse(`failed-key:${request.ip}`, limit);
      throw refuse(
        'unauthenticated',
        'The API key is unknown, revoked or expired.',
        {},
        { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
      );
    }
    const { id: keyId, tenantId, scopes } = key;
    // Its scopes bound what a key may do; within them it stands for its tenant.
    const actor: Actor = {
      kind: 'api_key',
      userId: null,
      keyId,
      tenantId,
      role: 'admin',
      operatorRole: null,
      scopes,
      ...origin(request),
    };
    return { actor, suspended: key.tenantStatus !== 'active' };
  }

  /** Errors: unauthenticated, csrf_token_invalid, not_found for a tenant the user does not belong to. */
  private async bySession(
    request: FastifyRequest,
    cookie: string,
  ): Promise<{ actor: Actor; suspended: boolean }> {
    const session = await this.identity.sessionOf(cookie);
    if (!session) throw refuse('unauthenticated', 'The session has ended; sign in again.');
    if (
      !safeMethods.has(request.method) &&
      !isCsrfToken(this.config.secret, session.id, request.headers['x-csrf-token'])
    ) {
      throw refuse('csrf_token_invalid', 'Send the csrf_token of GET /v1/me as X-CSRF-Token.');
    }
    const memberships = await this.memberships.ofUser(session.user.id);
    const membership = chosen(memberships, request.headers['x-tenant']);
    request.session = session;
    request.memberships = memberships;
    const scopes: Scope[] = ['read', 'write'];
    const actor: Actor = {
      kind: 'user',
      userId: session.user.id,
      keyId: null,
      tenantId: membership?.tenant.id ?? null,
      role: membership?.role ?? null,
      operatorRole: session.user.operatorRole,
      scopes,
      ...origin(request),
    };
    return { actor, suspended: membership !== null && membership.tenant.status !== 'active' };
  }
}

function origin(request: FastifyRequest): { requestId: string; ip: string } {
  return { requestId: request.id, ip: request.ip };
}

/** The tenant named in X-Tenant, else the only one there is. */
function chosen(memberships: Membership[], header: string | string[] | undefined): Membership | null {
  if (header === undefined || header === '')
    return memberships.length === 1 ? (memberships[0] ?? null) : null;
  const named = memberships.find(({ tenant }) => tenant.id === header);
  if (!named) throw refuse('not_found', 'X-Tenant must be the id of a tenant you belong to.');
  return named;
}

function authorize(request: FastifyRequest, access: Access, actor: Actor, suspended: boolean): void {
  const safe = safeMethods.has(request.method);
  const scope: Scope = safe ? 'read' : 'write';
  if (!actor.scopes.includes(scope)) throw refuse('forbidden', `The API key has no scope "${scope}".`);
  if (access.kind === 'signed-in') return;
  if (access.kind === 'operator') {
    const wanted =
      access.roles.length > 0 ? access.roles : safe ? ['operator', 'finance', 'support'] : ['operator'];
    if (actor.operatorRole && wanted.includes(actor.operatorRole)) return;
    throw refuse('forbidden', `This route is for the operator's staff (${wanted.join(', ')}).`);
  }
  if (actor.tenantId === null || actor.role === null) {
    if ((request.memberships?.length ?? 0) > 1) throw refuse('tenant_required');
    throw refuse('forbidden', 'You belong to no tenant.');
  }
  if (suspended && !safe) throw refuse('tenant_suspended');
  const wanted = access.roles.length > 0 ? access.roles : safe ? [] : writers;
  if (wanted.length > 0 && !wanted.includes(actor.role)) {
    throw refuse('forbidden', `This needs one of the roles ${wanted.join(', ')}; yours is ${actor.role}.`);
  }
}
