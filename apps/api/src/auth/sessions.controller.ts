import { createHash } from 'node:crypto';
import { Body, Controller, Delete, Get, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { type Actor, CurrentActor, Public, SignedIn } from '../platform/actor.js';
import { Config } from '../platform/config.js';
import { refuse } from '../platform/problem.js';
import { RateLimiter } from '../platform/rate-limit.js';
import { Route } from '../platform/route.js';
import { csrfTokenOf } from './csrf.js';
import { Identity, type User } from './identity.js';
import { type Membership, MembershipStore } from './membership.store.js';
import { meWire, type membershipWire, sessionWire, signInBody } from './session.dto.js';

const addressesShare = 10;

@Controller()
export class SessionsController {
  constructor(
    private readonly config: Config,
    private readonly identity: Identity,
    private readonly memberships: MembershipStore,
    private readonly limiter: RateLimiter,
  ) {}

  @Post('sessions')
  @Public()
  @Route({
    summary: 'Sign in',
    description:
      'Answers with an HttpOnly session cookie. Unsafe requests with it need the csrf_token as X-CSRF-Token.',
    operationId: 'createSession',
    tag: 'Access',
    body: signInBody,
    responses: { 201: sessionWire },
    problems: ['invalid_credentials'],
  })
  async create(
    @Body() body: z.infer<typeof signInBody>,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<z.input<typeof sessionWire>> {
    await this.limitSignIns(request.ip, body.email);
    const from = { ip: request.ip, userAgent: request.headers['user-agent'] ?? 'unknown' };
    const { session, cookies } = await this.identity.signIn(body, from);
    for (const cookie of cookies) reply.header('set-cookie', cookie);
    return {
      user: userWire(session.user),
      memberships: (await this.memberships.ofUser(session.user.id)).map(toMembershipWire),
      csrf_token: csrfTokenOf(this.config.secret, session.id),
    };
  }

  @Delete('sessions/current')
  @SignedIn()
  @Route({
    summary: 'Sign out',
    operationId: 'deleteCurrentSession',
    tag: 'Access',
    responses: { 204: null },
  })
  async remove(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    if (!request.session) throw refuse('bad_request', 'An API key has no session; revoke the key instead.');
    const cookies = await this.identity.signOut(request.headers.cookie ?? '');
    for (const cookie of cookies) reply.header('set-cookie', cookie);
  }

  @Get('me')
  @SignedIn()
  @Route({ summary: 'Who is asking', operationId: 'getMe', tag: 'Access', responses: { 200: meWire } })
  async me(@CurrentActor() actor: Actor, @Req() request: FastifyRequest): Promise<z.input<typeof meWire>> {
    const tenant = actor.tenantId === null ? null : await this.memberships.tenant(actor.tenantId);
    return {
      user: request.session ? userWire(request.session.user) : null,
      tenant: tenant && toTenantWire(tenant),
      role: actor.role,
      scopes: [...actor.scopes],
      memberships: (request.memberships ?? []).map(toMembershipWire),
      csrf_token: request.session ? csrfTokenOf(this.config.secret, request.session.id) : null,
    };
  }

  /** By address and e-mail together, since everybody behind the dashboard has one address; and by address, larger. */
  private async limitSignIns(ip: string, email: string): Promise<void> {
    const limit = this.config.signInLimitPerMinute;
    const who = createHash('sha256').update(`${ip} ${email.toLowerCase()}`).digest('base64url').slice(0, 22);
    await this.limiter.takeOrRefuse(`sign-in:${who}`, limit);
    await this.limiter.takeOrRefuse(`sign-in-ip:${ip}`, limit * addressesShare);
  }
}

function userWire(user: User) {
  return { id: user.id, email: user.email, name: user.name, operator_role: user.operatorRole };
}

function toTenantWire(tenant: Membership['tenant']) {
  const { id, name, currency, timeZone, mode } = tenant;
  return {
    id,
    name,
    currency,
    time_zone: timeZone,
    mode: mode === 'test' ? ('test' as const) : ('live' as const),
  };
}

function toMembershipWire({ role, tenant }: Membership): z.input<typeof membershipWire> {
  return { role, tenant: toTenantWire(tenant) };
}
