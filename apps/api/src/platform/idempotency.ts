import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { actorOf } from './actor.js';
import type { Tx } from './database.js';
import { refuse } from './problem.js';
import { UnitOfWork } from './unit-of-work.js';
import { WallClock } from './wall-clock.js';

/** What a controller answers: kept as it is when the request had an Idempotency-Key. */
export interface Answer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

const keptForMs = 24 * 3600 * 1000;
const keyForm = /^[\x21-\x7e]{1,255}$/;

interface Claim {
  scope: string;
  key: string;
  fingerprint: Buffer;
}

/*
 * Design: the key's advisory lock is taken inside the transaction of the effect and PostgreSQL lets go of it when that
 * transaction ends, however it ends. So "in flight" is the lock being held, "done" is the stored row being there, and
 * a process that dies in the middle leaves neither. Refusals roll back, so a refused request may be sent again.
 * Invariant: the answer is stored if and only if the effect is.
 */
@Injectable()
export class Idempotency {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly clock: WallClock,
  ) {}

  /**
   * Runs `work` in one transaction, at most once per Idempotency-Key of this tenant or user.
   * Errors: idempotency_key_required, invalid_idempotency_key, idempotency_key_reused, idempotency_in_flight.
   */
  async perform(
    request: FastifyRequest,
    options: { required: boolean },
    work: (tx: Tx) => Promise<Answer>,
  ): Promise<Answer> {
    const claim = claimOf(request, options.required);
    if (!claim) return this.unitOfWork.run(work);
    return this.unitOfWork.run(async (tx) => {
      await takeLock(tx, claim);
      const stored = await this.find(tx, claim);
      if (stored) return stored;
      const answer = await work(tx);
      await this.store(tx, claim, answer);
      return answer;
    });
  }

  /** Forgets the answers whose day is over. @returns How many. */
  async removeExpired(tx: Tx): Promise<number> {
    const { count } = await tx.idempotencyKey.deleteMany({ where: { expiresAt: { lt: this.clock.now() } } });
    return count;
  }

  private async find(tx: Tx, claim: Claim): Promise<Answer | null> {
    const { scope, key } = claim;
    const row = await tx.idempotencyKey.findUnique({ where: { scope_key: { scope, key } } });
    if (!row || row.expiresAt <= this.clock.now()) return null;
    if (!claim.fingerprint.equals(row.fingerprint)) {
      throw refuse(
        'idempotency_key_reused',
        `Idempotency-Key "${key}" was used with another method, path or body.`,
      );
    }
    const headers = { ...(row.headers as Record<string, string>), 'Idempotency-Replayed': 'true' };
    return { status: row.status, body: row.body === null ? undefined : JSON.parse(row.body), headers };
  }

  private async store(tx: Tx, claim: Claim, answer: Answer): Promise<void> {
    const { scope, key } = claim;
    const values = {
      fingerprint: Uint8Array.from(claim.fingerprint),
      status: answer.status,
      body: answer.body === undefined ? null : JSON.stringify(answer.body),
      headers: answer.headers ?? {},
      expiresAt: new Date(this.clock.now().getTime() + keptForMs),
    };
    await tx.idempotencyKey.upsert({
      where: { scope_key: { scope, key } },
      create: { scope, key, ...values },
      update: values,
      select: { key: true },
    });
  }
}

/** Sends an answer as it is, first time or replayed. */
export function sendAnswer(reply: FastifyReply, answer: Answer): FastifyReply {
  reply.status(answer.status).headers(answer.headers ?? {});
  if (answer.body === undefined) return reply.send();
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(answer.body));
}

function claimOf(request: FastifyRequest, required: boolean): Claim | null {
  const key = request.headers['idempotency-key'];
  if (key === undefined || key === '') {
    if (required)
      throw refuse(
        'idempotency_key_required',
        'Send a new Idempotency-Key header, such as a UUID, with each new request.',
      );
    return null;
  }
  if (typeof key !== 'string' || !keyForm.test(key)) {
    throw refuse(
      'invalid_idempotency_key',
      `Idempotency-Key must be 1 to 255 visible ASCII characters; it has ${String(key).length}.`,
    );
  }
  const actor = actorOf(request);
  const scope = `${actor.tenantId ?? 'operator'}/${actor.userId ?? actor.keyId ?? 'none'}`;
  return { scope, key, fingerprint: fingerprintOf(request) };
}

async function takeLock(tx: Tx, { scope, key }: Claim): Promise<void> {
  const name = `${scope} ${key}`;
  const [row] = await tx.$queryRaw<{ taken: boolean }[]>`
    SELECT pg_try_advisory_xact_lock(hashtextextended(${name}, 4202)) AS taken`;
  if (!row?.taken) throw refuse('idempotency_in_flight', undefined, undefined, { 'Retry-After': '1' });
}

function fingerprintOf(request: FastifyRequest): Buffer {
  const body = request.receivedBody ?? request.body ?? null;
  return createHash('sha256')
    .update(`${request.method} ${request.url}\n${canonicalJson(body)}`)
    .digest();
}

/** The same JSON value gives the same text, whatever the order of its members. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
