/**
 * Readings, heads and cuts in PostgreSQL.
 *
 * Design. Ingest writes whole batches with unnest, because a row at a time is twenty times slower. Everything is set,
 * nothing is added, and every insert does nothing on a repeat, so a batch may be written any number of times.
 * Units. Counters are numeric(39,0) and travel as text; instants are int8 nanoseconds.
 */
import { Injectable } from '@nestjs/common';
import type { WireReading } from '@xenorack/xenoserver';
import type pg from 'pg';
import { Database } from '../platform/database.js';

export interface IncarnationHead {
  id: string;
  closed: boolean;
  seq: bigint;
  hash: string;
  values: bigint[];
}

/** An accepted reading of a batch; `opens` when it is the first of its incarnation. */
export interface AcceptedReading {
  reading: WireReading;
  opens: boolean;
}

const arrayText = (values: readonly string[]) => `{${values.join(',')}}`;

@Injectable()
export class ReadingStore {
  constructor(private readonly database: Database) {}

  /** Runs `work` in one transaction on a plain connection; Prisma is too slow for this path. */
  async transaction<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.database.pool.connect();
    try {
      await client.query('BEGIN');
      const result = await work(client);
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    } finally {
      client.release();
    }
  }

  /** True when this batch was stored before. */
  async hasBatch(client: pg.PoolClient, hostId: string, epoch: number, batch: number): Promise<boolean> {
    const { rowCount } = await client.query(
      'SELECT 1 FROM reading_batch WHERE host_id = $1 AND epoch = $2 AND batch = $3',
      [hostId, epoch, batch],
    );
    return rowCount === 1;
  }

  async addBatch(
    client: pg.PoolClient,
    batch: {
      hostId: string;
      epoch: number;
      batch: number;
      readings: unknown[];
      root: string;
      signature: string;
    },
  ): Promise<void> {
    await client.query(
      `INSERT INTO reading_batch (host_id, epoch, batch, readings, root, signature)
       VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
      [
        batch.hostId,
        batch.epoch,
        batch.batch,
        batch.readings.length,
        Buffer.from(batch.root, 'hex'),
        Buffer.from(batch.signature, 'base64'),
      ],
    );
  }

  /**
   * Incarnations of earlier epochs of the host can get no more readings: the host re-sends its journal in order. They
   * close at their last durable reading; what came after it is unmetered and the provider's.
   */
  async closeLost(client: pg.PoolClient, hostId: string, epoch: number): Promise<void> {
    await client.query(
      `UPDATE incarnation SET closed_utc_ns = head_utc_ns, closed_how = 'lost'
        WHERE host_id = $1 AND epoch < $2 AND closed_utc_ns IS NULL`,
      [hostId, epoch],
    );
  }

  /** Heads of the named incarnations, locked until the transaction ends. */
  async lockHeads(client: pg.PoolClient, ids: string[]): Promise<Map<string, IncarnationHead>> {
    const { rows } = await client.query<{
      id: string;
      closed: boolean;
      seq: string;
      hash: Buffer;
      values: string[];
    }>(
      `SELECT id, closed_utc_ns IS NOT NULL AS closed, head_seq AS seq, head_hash AS hash, head_values::text[] AS values
         FROM incarnation WHERE id = ANY($1) ORDER BY id FOR UPDATE`,
      [ids],
    );
    return new Map(
      rows.map((row) => [
        row.id,
        {
          id: row.id,
          closed: row.closed,
          seq: BigInt(row.seq),
          hash: row.hash.toString('hex'),
          values: row.values.map(BigInt),
        },
      ]),
    );
  }

  /** Stored hashes of readings, by `<incarnation>#<seq>`; dropped inner readings are missing. */
  async hashesOf(
    client: pg.PoolClient,
    keys: { incarnation: string; seq: number }[],
  ): Promise<Map<string, string>> {
    if (keys.length === 0) return new Map();
    const { rows } = await client.query<{ incarnation_id: string; seq: string; hash: Buffer }>(
      `SELECT r.incarnation_id, r.seq, r.hash FROM reading r
         JOIN unnest($1::text[], $2::bigint[]) AS k (incarnation_id, seq) USING (incarnation_id, seq)`,
      [keys.map((key) => key.incarnation), keys.map((key) => key.seq)],
    );
    return new Map(rows.map((row) => [`${row.incarnation_id}#${row.seq}`, row.hash.toString('hex')]));
  }

  /** Tenants of resources as this database knows them; a reading for anything else is refused. */
  async ownersOf(client: pg.PoolClient, resourceIds: string[]): Promise<Map<string, string>> {
    const { rows } = await client.query<{ id: string; tenant_id: string }>(
      `SELECT id, tenant_id FROM domain WHERE id = ANY($1) UNION ALL
       SELECT id, tenant_id FROM volume WHERE id = ANY($1)`,
      [resourceIds],
    );
    return new Map(rows.map((row) => [row.id, row.tenant_id]));
  }

  /** Writes accepted readings, in order of seq inside each incarnation: opens, readings, cuts, then the heads. */
  async write(
    client: pg.PoolClient,
    hostId: string,
    epoch: number,
    accepted: AcceptedReading[],
  ): Promise<void> {
    if (accepted.length === 0) return;
    const opening = accepted.filter((each) => each.opens).map((each) => each.reading);
    if (opening.length > 0) {
      await client.query(
        `INSERT INTO incarnation (id, host_id, epoch, resource_kind, resource_id, tenant_id, vector, opened_utc_ns,
           head_seq, head_utc_ns, head_host_ns, head_state, head_values, head_hash, cut_utc_ns)
         SELECT id, $1, $2, kind, resource, tenant, vector, utc, 0, utc, host, state, vals::numeric[], hash, utc
           FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::int[], $8::bigint[], $9::bigint[], $10::text[],
                       $11::text[], $12::bytea[]) AS o (id, kind, resource, tenant, vector, utc, host, state, vals, hash)`,
        [
          hostId,
          epoch,
          opening.map((r) => r.incarnation),
          opening.map((r) => r.resourceKind),
          opening.map((r) => r.resourceId),
          opening.map((r) => r.tenantId),
          opening.map((r) => r.vector),
          opening.map((r) => r.utcNs),
          opening.map((r) => r.hostNs),
          opening.map((r) => r.state),
          opening.map((r) => arrayText(r.values)),
          opening.map((r) => Buffer.from(r.hash, 'hex')),
        ],
      );
    }
    const all = accepted.map((each) => each.reading);
    await client.query(
      `INSERT INTO reading (incarnation_id, seq, utc_ns, host_ns, kind, state, reason, values, prev, hash)
       SELECT id, seq, utc, host, kind, state, reason, vals::numeric[], prev, hash
         FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[],
                     $9::bytea[], $10::bytea[]) AS r (id, seq, utc, host, kind, state, reason, vals, prev, hash)
       ON CONFLICT DO NOTHING`,
      [
        ...columns(all),
        all.map((r) => Buffer.from(r.prev, 'hex')),
        all.map((r) => Buffer.from(r.hash, 'hex')),
      ],
    );
    const cuts = all.filter((reading) => reading.kind !== 'inner');
    if (cuts.length > 0) {
      await client.query(
        `INSERT INTO cut (incarnation_id, seq, utc_ns, host_ns, kind, state, reason, values, hash)
         SELECT id, seq, utc, host, kind, state, reason, vals::numeric[], hash
           FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[],
                       $9::bytea[]) AS c (id, seq, utc, host, kind, state, reason, vals, hash)
         ON CONFLICT DO NOTHING`,
        [...columns(cuts), cuts.map((r) => Buffer.from(r.hash, 'hex'))],
      );
    }
    await this.setHeads(client, all, cuts);
  }

  private async setHeads(client: pg.PoolClient, all: WireReading[], cuts: WireReading[]): Promise<void> {
    const heads = [...new Map(all.map((reading) => [reading.incarnation, reading])).values()];
    const lastCut = new Map(cuts.map((reading) => [reading.incarnation, reading.utcNs]));
    await client.query(
      `UPDATE incarnation i SET head_seq = h.seq, head_utc_ns = h.utc, head_host_ns = h.host, head_state = h.state,
              head_values = h.vals::numeric[], head_hash = h.hash, cut_utc_ns = coalesce(h.cut, i.cut_utc_ns),
              closed_utc_ns = CASE WHEN h.kind = 'close' THEN h.utc ELSE i.closed_utc_ns END,
              closed_how = CASE WHEN h.kind = 'close' THEN 'close' ELSE i.closed_how END
         FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[],
                     $8::bytea[], $9::bigint[]) AS h (id, seq, utc, host, kind, state, vals, hash, cut)
        WHERE i.id = h.id`,
      [
        heads.map((r) => r.incarnation),
        heads.map((r) => r.seq),
        heads.map((r) => r.utcNs),
        heads.map((r) => r.hostNs),
        heads.map((r) => r.kind),
        heads.map((r) => r.state),
        heads.map((r) => arrayText(r.values)),
        heads.map((r) => Buffer.from(r.hash, 'hex')),
        heads.map((r) => lastCut.get(r.incarnation) ?? null),
      ],
    );
  }
}

/** Columns of readings up to their values, in the order of both tables. */
function columns(readings: WireReading[]): unknown[][] {
  return [
    readings.map((r) => r.incarnation),
    readings.map((r) => r.seq),
    readings.map((r) => r.utcNs),
    readings.map((r) => r.hostNs),
    readings.map((r) => r.kind),
    readings.map((r) => r.state),
    readings.map((r) => r.reason),
    readings.map((r) => arrayText(r.values)),
  ];
}
