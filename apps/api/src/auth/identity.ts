import { Injectable } from '@nestjs/common';
import { betterAuth } from 'better-auth';
import { prismaAdapter } from 'better-auth/adapters/prisma';
import { APIError } from 'better-auth/api';
import { type OperatorRole, operatorRoles } from '../platform/actor.js';
import { Config } from '../platform/config.js';
import { Database } from '../platform/database.js';
import { type IdPrefix, newId } from '../platform/ids.js';
import { refuse } from '../platform/problem.js';

export interface User {
  id: string;
  email: string;
  name: string;
  operatorRole: OperatorRole | null;
}

export interface Session {
  id: string;
  user: User;
}

const sessionSeconds = 7 * 24 * 3600;
const idPrefixOf: Record<string, IdPrefix> = {
  user: 'usr',
  session: 'ses',
  account: 'acc',
  verification: 'ver',
};

/** Users and sessions, kept by better-auth. It has no route of its own: only the calls below reach it. */
@Injectable()
export class Identity {
  private readonly auth;

  constructor(config: Config, database: Database) {
    this.auth = authOf(config, database);
  }

  /** What better-auth was made with; its tables follow from it. */
  get options() {
    return this.auth.options;
  }

  /**
   * Begins a session.
   * @returns The user and the Set-Cookie headers of the session.
   * Errors: invalid_credentials, the same for an unknown e-mail and a wrong password.
   */
  async signIn(
    credentials: { email: string; password: string },
    from: { ip: string; userAgent: string },
  ): Promise<{ session: Session; cookies: string[] }> {
    try {
      const headers = new Headers({ 'x-client-ip': from.ip, 'user-agent': from.userAgent });
      const signedIn = await this.auth.api.signInEmail({ body: credentials, headers, returnHeaders: true });
      const cookies = signedIn.headers.getSetCookie();
      const session = await this.sessionOf(cookies.map((cookie) => cookie.split(';')[0]).join('; '));
      if (!session) throw new Error('the session that was just begun cannot be found');
      return { session, cookies };
    } catch (error) {
      if (error instanceof APIError && error.statusCode < 500) throw refuse('invalid_credentials');
      throw error;
    }
  }

  /** The session of a Cookie header, or null when it has none that is valid. */
  async sessionOf(cookie: string): Promise<Session | null> {
    const found = await this.auth.api.getSession({ headers: new Headers({ cookie }) });
    if (!found) return null;
    const { id, email, name, operatorRole } = found.user;
    return { id: found.session.id, user: { id, email, name, operatorRole: operatorRoleOf(operatorRole) } };
  }

  /** Ends the session of a Cookie header. @returns The Set-Cookie headers that remove it. */
  async signOut(cookie: string): Promise<string[]> {
    const ended = await this.auth.api.signOut({ headers: new Headers({ cookie }), returnHeaders: true });
    return ended.headers.getSetCookie();
  }

  /**
   * Makes a user who can sign in. There is no public sign-up; the seed and, later, invitations call this.
   * Errors: already_exists when the e-mail is taken.
   */
  async createUser(input: {
    email: string;
    password: string;
    name: string;
    operatorRole?: OperatorRole | null;
  }): Promise<User> {
    const context = await this.auth.$context;
    const email = input.email.toLowerCase();
    if (await context.internalAdapter.findUserByEmail(email))
      throw refuse('already_exists', `A user has the e-mail ${email}.`);
    const password = await context.password.hash(input.password);
    const operatorRole = input.operatorRole ?? null;
    const user = await context.internalAdapter.createUser(
      { email, name: input.name, emailVerified: true, operatorRole },
      { method: 'email-password' },
    );
    await context.internalAdapter.createAccount({
      userId: user.id,
      providerId: 'credential',
      accountId: user.id,
      password,
    });
    return { id: user.id, email, name: input.name, operatorRole };
  }
}

function authOf(config: Config, database: Database) {
  return betterAuth({
    secret: config.secret,
    baseURL: config.dashboardUrl,
    database: prismaAdapter(database.prisma, { provider: 'postgresql' }),
    emailAndPassword: { enabled: true, disableSignUp: true },
    user: {
      modelName: 'authUser',
      additionalFields: { operatorRole: { type: 'string', required: false, input: false } },
    },
    session: { modelName: 'authSession', expiresIn: sessionSeconds },
    account: { modelName: 'authAccount' },
    verification: { modelName: 'authVerification' },
    // Requests are limited by our own counter, which all processes share.
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    logger: { disabled: true },
    advanced: {
      cookiePrefix: 'xenorack',
      defaultCookieAttributes: { httpOnly: true, sameSite: 'lax', path: '/' },
      ipAddress: { ipAddressHeaders: ['x-client-ip'] },
      database: {
        generateId: ({ model }: { model: string }) =>
          newId(idPrefixOf[model] ?? idPrefixOf[model.replace('auth', '').toLowerCase()] ?? 'ver'),
      },
    },
  });
}

function operatorRoleOf(text: unknown): OperatorRole | null {
  return operatorRoles.find((role) => role === text) ?? null;
}
