import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export type Role = 'http' | 'jobs' | 'hosts';

const allRoles: readonly Role[] = ['http', 'jobs', 'hosts'];
const logLevels = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;

/** An environment that cannot be used. The message names the variable, the limit and the value. */
export class ConfigError extends Error {}

/** Everything the process takes from its environment, read once at the start. */
export class Config {
  /** postgresql:// URL of the one database. */
  readonly databaseUrl!: string;
  /** redis:// URL; everything in it can be rebuilt from PostgreSQL. */
  readonly redisUrl!: string;
  readonly apiPort!: number;
  readonly apiHost!: string;
  /** Folder of everything this installation writes: disks, journals, keys. */
  readonly dataDir!: string;
  readonly roles!: ReadonlySet<Role>;
  readonly dashboardUrl!: string;
  /** At least 32 characters; signs sessions and CSRF tokens. */
  readonly secret!: string;
  /** Leads every Redis key and channel, so that installations may share a server. */
  readonly redisPrefix!: string;
  readonly rateLimitPerMinute!: number;
  readonly signInLimitPerMinute!: number;
  readonly logLevel!: (typeof logLevels)[number];

  constructor(values: Omit<Config, never>) {
    Object.assign(this, values);
    Object.freeze(this);
  }
}

type Environment = Record<string, string | undefined>;

/**
 * Reads and checks the environment.
 * Errors: ConfigError at the first value that cannot be used.
 */
export function loadConfig(env: Environment): Config {
  const dataDir = path.resolve(env.XENORACK_DATA || '.xenorack');
  const dashboardPort = port(env, 'DASHBOARD_PORT', 3000);
  return new Config({
    databaseUrl: url(env, 'DATABASE_URL', ['postgres:', 'postgresql:']),
    redisUrl: url(env, 'REDIS_URL', ['redis:', 'rediss:']),
    apiPort: port(env, 'API_PORT', 4000),
    apiHost: env.API_HOST || '127.0.0.1',
    dataDir,
    roles: roles(env.XENORACK_ROLES),
    dashboardUrl: env.DASHBOARD_URL
      ? url(env, 'DASHBOARD_URL', ['http:', 'https:'])
      : `http://localhost:${dashboardPort}`,
    secret: env.XENORACK_SECRET ? secretOf(env.XENORACK_SECRET) : keptSecret(dataDir),
    redisPrefix: redisPrefix(env.REDIS_PREFIX),
    rateLimitPerMinute: whole(env, 'RATE_LIMIT_PER_MINUTE', 3_000, 1, 10_000_000),
    signInLimitPerMinute: whole(env, 'SIGN_IN_LIMIT_PER_MINUTE', 10, 1, 10_000_000),
    logLevel: oneOf(env, 'LOG_LEVEL', logLevels, 'info'),
  });
}

/** A configuration that reaches nothing: enough to read the routes, never to serve them. */
export function unreachableConfig(): Config {
  return new Config({
    databaseUrl: 'postgresql://127.0.0.1:1/none',
    redisUrl: 'redis://127.0.0.1:1',
    apiPort: 0,
    apiHost: '127.0.0.1',
    dataDir: '/nonexistent',
    roles: new Set<Role>(),
    dashboardUrl: 'http://localhost:3000',
    secret: 'unreachable-unreachable-unreachable',
    redisPrefix: 'none',
    rateLimitPerMinute: 1,
    signInLimitPerMinute: 1,
    logLevel: 'silent',
  });
}

function url(env: Environment, name: string, protocols: string[]): string {
  const value = env[name];
  const wanted = protocols.map((protocol) => `${protocol}//`).join(' or ');
  if (!value) throw new ConfigError(`${name} must be set to a URL that begins with ${wanted}; it is empty.`);
  const parsed = URL.canParse(value) ? new URL(value) : null;
  if (!parsed || !protocols.includes(parsed.protocol)) {
    throw new ConfigError(
      `${name} must be a URL that begins with ${wanted}; it is "${withoutPassword(value)}".`,
    );
  }
  return value;
}

function withoutPassword(value: string): string {
  return value.replace(/:[^:@/]*@/, ':***@');
}

function port(env: Environment, name: string, fallback: number): number {
  return whole(env, name, fallback, 0, 65_535);
}

function whole(env: Environment, name: string, fallback: number, min: number, max: number): number {
  const text = env[name];
  if (text === undefined || text === '') return fallback;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (!(value >= min && value <= max)) {
    throw new ConfigError(`${name} must be a whole number from ${min} to ${max}; it is "${text}".`);
  }
  return value;
}

function roles(text: string | undefined): ReadonlySet<Role> {
  if (!text) return new Set(allRoles);
  const named = text.split(',').map((role) => role.trim()).filter(Boolean); // prettier-ignore
  const unknown = named.find((role) => !allRoles.includes(role as Role));
  if (unknown !== undefined || named.length === 0) {
    throw new ConfigError(`XENORACK_ROLES must be a list of ${allRoles.join(', ')}; it is "${text}".`);
  }
  return new Set(named as Role[]);
}

function redisPrefix(text: string | undefined): string {
  if (!text) return 'xenorack';
  if (!/^[a-z0-9-]{1,40}$/.test(text)) {
    throw new ConfigError(`REDIS_PREFIX must be 1 to 40 of a-z, 0-9 and "-"; it is "${text}".`);
  }
  return text;
}

function oneOf<const T extends readonly string[]>(
  env: Environment,
  name: string,
  allowed: T,
  fallback: T[number],
): T[number] {
  const text = env[name] || fallback;
  if (!allowed.includes(text))
    throw new ConfigError(`${name} must be one of ${allowed.join(', ')}; it is "${text}".`);
  return text;
}

function secretOf(text: string): string {
  if (text.length < 32)
    throw new ConfigError(`XENORACK_SECRET must have at least 32 characters; it has ${text.length}.`);
  return text;
}

/** The secret of this installation: made once, readable by its owner only, the same after every restart. */
function keptSecret(dataDir: string): string {
  const file = path.join(dataDir, 'session-secret');
  try {
    mkdirSync(dataDir, { recursive: true });
    // "wx" fails when the file is there: of two processes that start at once, one makes it and both read it.
    writeFileSync(file, randomBytes(48).toString('base64url'), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw new ConfigError(
        `XENORACK_DATA must be a folder this user can write; "${dataDir}" says: ${(error as Error).message}.`,
      );
    }
  }
  chmodSync(file, 0o600);
  const kept = readFileSync(file, 'utf8').trim();
  if (kept.length < 32)
    throw new ConfigError(
      `${file} must hold at least 32 characters; it holds ${kept.length}. Remove it to have a new one made.`,
    );
  return kept;
}
