/**
 * Readings, heads and cuts in PostgreSQL.
 *
 * Design. Ingest writes whole batches with unnest, because a row at a time is twenty times slower, from array
 * literals (array-text.ts). Everything is set,
 * nothing is added, and every insert does nothing on a repeat, so a batch may be written any number of times.
 * Units. Counters are numeric(39,0) and travel as text; instants are int8 nanoseconds.
 */
import { Injectable } from '@nestjs/common';
import type { WireReading } from '@xenorack/xenoserver';
import type pg from 'pg';
import { Database } from '../platform/database.js';
import {
  hexArray,
  nullableNumberArray,
  numberArray,
  readNumbers,
  textArray,
  vectorArray,
} from './array-text.js';

export interface IncarnationHead {
  id: string;
  resourceKind: string;
  resourceId: string;
  tenantId: string;
  closed: boolean;
  seq: bigint;
  utcNs: bigint;
  hostNs: bigint;
  hash: string;
  values: bigint[];
}

/** One life of a resource in time; open while `toUtcNs` is null. */
export interface LifeSpan {
  incarnation: string;
  resourceId: string;
  fromUtcNs: bigint;
  toUtcNs: bigint | null;
}

/** An accepted reading of a batch; `opens` when it is the first of its incarnation. */
export interface AcceptedReading {
  reading: WireReading;
  opens: boolean;
}

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
   * close at their last durable reading, which becomes a cut so that an invoice has all of what was metered; what came
   * after it is unmetered and the provider's.
   */
  async closeLost(client: pg.PoolClient, hostId: string, epoch: number): Promise<void> {
    await client.query(
      `WITH lost AS (
         UPDATE incarnation SET closed_utc_ns = head_utc_ns, closed_how = 'lost', cut_utc_ns = head_utc_ns
          WHERE host_id = $1 AND epoch < $2 AND closed_utc_ns IS NULL RETURNING *)
       INSERT INTO cut (incarnation_id, seq, utc_ns, host_ns, kind, state, reason, values, hash)
       SELECT id, head_seq, head_utc_ns, head_host_ns, 'close', head_state, 'lost', head_values, head_hash FROM lost
       ON CONFLICT DO NOTHING`,
      [hostId, epoch],
    );
  }

  /** Heads of the named incarnations, locked until the transaction ends. */
  async lockHeads(client: pg.PoolClient, ids: string[]): Promise<Map<string, IncarnationHead>> {
    const { rows } = await client.query<{
      id: string;
      kind: string;
      resource: string;
      tenant: string;
      closed: boolean;
      seq: string;
      utc: string;
      host: string;
      hash: Buffer;
      values: string;
    }>(
      `SELECT id, resource_kind AS kind, resource_id AS resource, tenant_id AS tenant, closed_utc_ns IS NOT NULL AS closed,
              head_seq AS seq, head_utc_ns AS utc, head_host_ns AS host, head_hash AS hash, head_values::text AS values
         FROM incarnation WHERE id = ANY($1) ORDER BY id FOR UPDATE`,
      [ids],
    );
    return new Map(
      rows.map((row) => [
        row.id,
        {
          id: row.id,
          resourceKind: row.kind,
          resourceId: row.resource,
          tenantId: row.tenant,
          closed: row.closed,
          seq: BigInt(row.seq),
          utcNs: BigInt(row.utc),
          hostNs: BigInt(row.host),
          hash: row.hash.toString('hex'),
          values: readNumbers(row.values),
        },
      ]),
    );
  }

  /** Stored lives of resources that were not over at an instant. */
  async livesAfter(
    client: pg.PoolClient,
    resources: { resourceId: string; utcNs: bigint }[],
  ): Promise<LifeSpan[]> {
    if (resources.length === 0) return [];
    const { rows } = await client.query<{
      id: string;
      resource: string;
      opened: string;
      closed: string | null;
    }>(
      `SELECT DISTINCT i.id, i.resource_id AS resource, i.opened_utc_ns AS opened, i.closed_utc_ns AS closed
         FROM unnest($1::text[], $2::bigint[]) AS k (resource_id, utc)
         JOIN incarnation i ON i.resource_id = k.resource_id AND (i.closed_utc_ns IS NULL OR i.closed_utc_ns > k.utc)`,
      [resources.map((each) => each.resourceId), resources.map((each) => each.utcNs.toString())],
    );
    return rows.map((row) => ({
      incarnation: row.id,
      resourceId: row.resource,
      fromUtcNs: BigInt(row.opened),
      toUtcNs: row.closed === null ? null : BigInt(row.closed),
    }));
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

  /**
   * Writes accepted readings, in order of seq inside each incarnation. Heads of known incarnations are set before new
   * ones open, because a life may end in the batch in which the next one of its resource begins.
   */
  async write(
    client: pg.PoolClient,
    hostId: string,
    epoch: number,
    accepted: AcceptedReading[],
  ): Promise<void> {
    if (accepted.length === 0) return;
    const opening = accepted.filter((each) => each.opens).map((each) => each.reading);
    const all = accepted.map((each) => each.reading);
    const cuts = all.filter((reading) => reading.kind !== 'inner');
    const isNew = new Set(opening.map((reading) => reading.incarnation));
    const heads = [...new Map(all.map((reading) => [reading.incarnation, reading])).values()];
    const lastCut = new Map(cuts.map((reading) => [reading.incarnation, reading.utcNs]));
    await this.setHeads(client, heads.filter((r) => !isNew.has(r.incarnation)), lastCut); // prettier-ignore
    await this.open(client, { hostId, epoch, opening, heads, lastCut });
    await client.query(
      `INSERT INTO reading (incarnation_id, seq, utc_ns, host_ns, kind, state, reason, values, prev, hash)
       SELECT id, seq, utc, host, kind, state, reason, vals::numeric[], prev, hash
         FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[],
                     $9::bytea[], $10::bytea[]) AS r (id, seq, utc, host, kind, state, reason, vals, prev, hash)
       ON CONFLICT DO NOTHING`,
      [...columns(all), hexArray(all.map((r) => r.prev)), hexArray(all.map((r) => r.hash))],
    );
    if (cuts.length === 0) return;
    await client.query(
      `INSERT INTO cut (incarnation_id, seq, utc_ns, host_ns, kind, state, reason, values, hash)
       SELECT id, seq, utc, host, kind, state, reason, vals::numeric[], hash
         FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[],
                     $9::bytea[]) AS c (id, seq, utc, host, kind, state, reason, vals, hash)
       ON CONFLICT DO NOTHING`,
      [...columns(cuts), hexArray(cuts.map((r) => r.hash))],
    );
  }

  /** Inserts new incarnations with the head that the batch leaves them. */
  private async open(
    client: pg.PoolClient,
    made: {
      hostId: string;
      epoch: number;
      opening: WireReading[];
      heads: WireReading[];
      lastCut: ReadonlyMap<string, string>;
    },
  ): Promise<void> {
    const { hostId, epoch, opening, lastCut } = made;
    if (opening.length === 0) return;
    const headOf = new Map(made.heads.map((reading) => [reading.incarnation, reading]));
    const last = opening.map((reading) => headOf.get(reading.incarnation)!);
    await client.query(
      `INSERT INTO incarnation (id, host_id, epoch, resource_kind, resource_id, tenant_id, vector, opened_utc_ns,
         head_seq, head_utc_ns, head_host_ns, head_state, head_values, head_hash, cut_utc_ns, closed_utc_ns, closed_how)
       SELECT id, $1, $2, kind, resource, tenant, vector, opened, seq, utc, host, state, vals::numeric[], hash, cut,
              CASE WHEN closes THEN utc END, CASE WHEN closes THEN 'close' END
         FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::int[], $8::bigint[], $9::bigint[], $10::bigint[],
                     $11::bigint[], $12::text[], $13::text[], $14::bytea[], $15::bigint[], $16::bool[])
           AS o (id, kind, resource, tenant, vector, opened, seq, utc, host, state, vals, hash, cut, closes)`,
      [
        hostId,
        epoch,
        textArray(opening.map((r) => r.incarnation)),
        textArray(opening.map((r) => r.resourceKind)),
        textArray(opening.map((r) => r.resourceId)),
        textArray(opening.map((r) => r.tenantId)),
        numberArray(opening.map((r) => r.vector)),
        numberArray(opening.map((r) => r.utcNs)),
        numberArray(last.map((r) => r.seq)),
        numberArray(last.map((r) => r.utcNs)),
        numberArray(last.map((r) => r.hostNs)),
        textArray(last.map((r) => r.state)),
        vectorArray(last.map((r) => r.values)),
        hexArray(last.map((r) => r.hash)),
        numberArray(opening.map((r) => lastCut.get(r.incarnation)!)),
        last.map((r) => r.kind === 'close'),
      ],
    );
  }

  private async setHeads(
    client: pg.PoolClient,
    heads: WireReading[],
    lastCut: ReadonlyMap<string, string>,
  ): Promise<void> {
    if (heads.length === 0) return;
    await client.query(
      `UPDATE incarnation i SET head_seq = h.seq, head_utc_ns = h.utc, head_host_ns = h.host, head_state = h.state,
              head_values = h.vals::numeric[], head_hash = h.hash, cut_utc_ns = coalesce(h.cut, i.cut_utc_ns),
              closed_utc_ns = CASE WHEN h.kind = 'close' THEN h.utc ELSE i.closed_utc_ns END,
              closed_how = CASE WHEN h.kind = 'close' THEN 'close' ELSE i.closed_how END
         FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[],
                     $8::bytea[], $9::bigint[]) AS h (id, seq, utc, host, kind, state, vals, hash, cut)
        WHERE i.id = h.id`,
      [
        textArray(heads.map((r) => r.incarnation)),
        numberArray(heads.map((r) => r.seq)),
        numberArray(heads.map((r) => r.utcNs)),
        numberArray(heads.map((r) => r.hostNs)),
        textArray(heads.map((r) => r.kind)),
        textArray(heads.map((r) => r.state)),
        vectorArray(heads.map((r) => r.values)),
        hexArray(heads.map((r) => r.hash)),
        nullableNumberArray(heads.map((r) => lastCut.get(r.incarnation) ?? null)),
      ],
    );
  }
}

/** Columns of readings up to their values, in the order of both tables. */
function columns(readings: WireReading[]): string[] {
  return [
    textArray(readings.map((r) => r.incarnation)),
    numberArray(readings.map((r) => r.seq)),
    numberArray(readings.map((r) => r.utcNs)),
    numberArray(readings.map((r) => r.hostNs)),
    textArray(readings.map((r) => r.kind)),
    textArray(readings.map((r) => r.state)),
    textArray(readings.map((r) => r.reason)),
    vectorArray(readings.map((r) => r.values)),
  ];
}
