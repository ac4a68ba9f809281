import { createHash, randomBytes } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import type { Scope } from '../platform/actor.js';
import { Database } from '../platform/database.js';
import { WallClock } from '../platform/wall-clock.js';

export interface KnownKey {
  id: string;
  tenantId: string;
  tenantStatus: string;
  scopes: readonly Scope[];
  expiresAt: Date | null;
  lastUsedAt: Date | null;
}

/** How long a key, or that there is none, is believed without a look: so long a revocation may take elsewhere. */
const believedForMs = 1_000;
const noteUseEveryMs = 60_000;
const cachedMax = 10_000;
const secretForm = /^xr_[A-Za-z0-9_-]{43}$/;

/** A new secret of 256 random bits, with its digest and the part that may be shown again. */
export function newSecret(): { secret: string; digest: Uint8Array<ArrayBuffer>; prefix: string } {
  const secret = `xr_${randomBytes(32).toString('base64url')}`;
  return { secret, digest: digestOf(secret), prefix: secret.slice(0, 9) };
}

/** Secrets are random, so a fast digest is safe: there is no dictionary to try. */
function digestOf(secret: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(createHash('sha256').update(secret).digest());
}

/** Looks keys up by the digest of their secret. */
@Injectable()
export class ApiKeyStore {
  private readonly logger = new Logger(ApiKeyStore.name);
  private readonly cache = new Map<string, { key: KnownKey | null; untilMs: number }>();
  private readonly noted = new Map<string, number>();

  constructor(
    private readonly database: Database,
    private readonly clock: WallClock,
  ) {}

  /** The key of a secret, or null when it is unknown, revoked or expired. */
  async find(secret: string): Promise<KnownKey | null> {
    if (!secretForm.test(secret)) return null;
    const nowMs = this.clock.now().getTime();
    const digest = digestOf(secret);
    const cacheKey = Buffer.from(digest).toString('base64');
    let entry = this.cache.get(cacheKey);
    if (!entry || entry.untilMs <= nowMs) {
      entry = { key: await this.load(digest), untilMs: nowMs + believedForMs };
      if (this.cache.size >= cachedMax) this.cache.clear();
      this.cache.set(cacheKey, entry);
    }
    if (!entry.key || (entry.key.expiresAt && entry.key.expiresAt.getTime() <= nowMs)) return null;
    this.noteUse(entry.key, nowMs);
    return entry.key;
  }

  /** In this process a revocation counts at once. */
  forgetCached(): void {
    this.cache.clear();
  }

  private async load(digest: Uint8Array<ArrayBuffer>): Promise<KnownKey | null> {
    const row = await this.database.prisma.apiKey.findUnique({
      where: { digest, revokedAt: null },
      include: { tenant: { select: { status: true } } },
    });
    if (!row) return null;
    const { id, tenantId, scopes, expiresAt, lastUsedAt } = row;
    return {
      id,
      tenantId,
      tenantStatus: row.tenant.status,
      scopes: scopes as Scope[],
      expiresAt,
      lastUsedAt,
    };
  }

  /** Once a minute and key; nobody waits for it. */
  private noteUse(key: KnownKey, nowMs: number): void {
    const lastMs = this.noted.get(key.id) ?? key.lastUsedAt?.getTime() ?? 0;
    if (nowMs - lastMs < noteUseEveryMs) return;
    if (this.noted.size >= cachedMax) this.noted.clear();
    this.noted.set(key.id, nowMs);
    this.database.prisma.apiKey
      .updateMany({ where: { id: key.id }, data: { lastUsedAt: new Date(nowMs) } })
      .catch((error: Error) => this.logger.debug(`Last use of ${key.id} was not noted: ${error.message}`));
  }
}
