import { Injectable } from '@nestjs/common';
import { Database } from '../platform/database.js';

export interface IncarnationRow {
  id: string;
  hostId: string;
  resourceKind: 'domain' | 'volume';
  resourceId: string;
  tenantId: string;
  openedUtcNs: bigint;
  closedUtcNs: bigint | null;
  closedHow: 'close' | 'lost' | null;
  head: { seq: bigint; utcNs: bigint; hostNs: bigint; state: string; values: bigint[]; hash: string };
  /** Label of the last cut. */
  cutUtcNs: bigint;
}

export interface CutRow {
  incarnationId: string;
  seq: bigint;
  utcNs: bigint;
  hostNs: bigint;
  kind: 'open' | 'cut' | 'close';
  state: string;
  reason: string;
  values: bigint[];
  hash: string;
}

export interface ReadingRow extends Omit<CutRow, 'kind'> {
  kind: 'open' | 'inner' | 'cut' | 'close';
  prev: string;
}

const incarnationColumns = `id, host_id, resource_kind, resource_id, tenant_id, opened_utc_ns, closed_utc_ns, closed_how,
  head_seq, head_utc_ns, head_host_ns, head_state, head_values::text[] AS head_values, encode(head_hash, 'hex') AS head_hash,
  cut_utc_ns`;

/** Reads what ingest wrote; counters come as bigint. */
@Injectable()
export class UsageStore {
  constructor(private readonly database: Database) {}

  async incarnationsOf(tenantId: string): Promise<IncarnationRow[]> {
    const { rows } = await this.database.pool.query(
      `SELECT ${incarnationColumns} FROM incarnation WHERE tenant_id = $1 ORDER BY id`,
      [tenantId],
    );
    return rows.map(toIncarnation);
  }

  /** Cuts after a known seq per incarnation (-1 for all), in order of incarnation and seq. */
  async cutsAfter(known: { incarnationId: string; seq: bigint }[]): Promise<CutRow[]> {
    if (known.length === 0) return [];
    const { rows } = await this.database.pool.query(
      `SELECT c.incarnation_id, c.seq, c.utc_ns, c.host_ns, c.kind, c.state, c.reason, c.values::text[] AS values,
              encode(c.hash, 'hex') AS hash
         FROM unnest($1::text[], $2::bigint[]) AS k (incarnation_id, seq)
         JOIN cut c ON c.incarnation_id = k.incarnation_id AND c.seq > k.seq
        ORDER BY c.incarnation_id, c.seq`,
      [known.map((each) => each.incarnationId), known.map((each) => each.seq.toString())],
    );
    return rows.map(toCut);
  }

  /** Readings of a resource, newest first, before a position. */
  async readingsOf(
    resourceId: string,
    before: { utcNs: bigint; incarnationId: string; seq: bigint } | null,
    count: number,
  ): Promise<ReadingRow[]> {
    const { rows } = await this.database.pool.query(
      `SELECT r.incarnation_id, r.seq, r.utc_ns, r.host_ns, r.kind, r.state, r.reason, r.values::text[] AS values,
              encode(r.hash, 'hex') AS hash, encode(r.prev, 'hex') AS prev
         FROM incarnation i JOIN reading r ON r.incarnation_id = i.id
        WHERE i.resource_id = $1
          AND ($2::bigint IS NULL OR (r.utc_ns, r.incarnation_id, r.seq) < ($2, $3, $4::bigint))
        ORDER BY r.utc_ns DESC, r.incarnation_id DESC, r.seq DESC LIMIT $5`,
      [
        resourceId,
        before?.utcNs.toString() ?? null,
        before?.incarnationId ?? '',
        before?.seq.toString() ?? '0',
        count,
      ],
    );
    return rows.map((row) => ({ ...toCut(row), kind: row.kind, prev: row.prev }));
  }

  /** The last reading at or before each step edge of [start, end], per resource: what a chart is drawn from. */
  async readingsAtSteps(
    resourceIds: string[],
    startNs: bigint,
    endNs: bigint,
    stepNs: bigint,
  ): Promise<
    { resourceId: string; incarnationId: string; bucket: number; utcNs: bigint; values: bigint[] }[]
  > {
    const { rows } = await this.database.pool.query(
      `SELECT DISTINCT ON (i.resource_id, i.id, bucket) i.resource_id, i.id, ((r.utc_ns - $2::bigint) / $4::bigint)::int AS bucket,
              r.utc_ns, r.values::text[] AS values
         FROM incarnation i JOIN reading r ON r.incarnation_id = i.id
        WHERE i.resource_id = ANY($1) AND r.utc_ns >= $2::bigint AND r.utc_ns <= $3::bigint
        ORDER BY i.resource_id, i.id, bucket, r.seq DESC`,
      [resourceIds, startNs.toString(), endNs.toString(), stepNs.toString()],
    );
    return rows.map((row) => ({
      resourceId: row.resource_id,
      incarnationId: row.id,
      bucket: row.bucket,
      utcNs: BigInt(row.utc_ns),
      values: row.values.map(BigInt),
    }));
  }
}

/** A row as the driver gives it: text for every number that may pass 2^53. */
type SqlRow = Record<string, any>; // eslint-disable-line @typescript-eslint/no-explicit-any

function toIncarnation(row: SqlRow): IncarnationRow {
  return {
    id: row.id,
    hostId: row.host_id,
    resourceKind: row.resource_kind,
    resourceId: row.resource_id,
    tenantId: row.tenant_id,
    openedUtcNs: BigInt(row.opened_utc_ns),
    closedUtcNs: row.closed_utc_ns === null ? null : BigInt(row.closed_utc_ns),
    closedHow: row.closed_how,
    head: {
      seq: BigInt(row.head_seq),
      utcNs: BigInt(row.head_utc_ns),
      hostNs: BigInt(row.head_host_ns),
      state: row.head_state,
      values: row.head_values.map(BigInt),
      hash: row.head_hash,
    },
    cutUtcNs: BigInt(row.cut_utc_ns),
  };
}

function toCut(row: SqlRow): CutRow {
  return {
    incarnationId: row.incarnation_id,
    seq: BigInt(row.seq),
    utcNs: BigInt(row.utc_ns),
    hostNs: BigInt(row.host_ns),
    kind: row.kind,
    state: row.state,
    reason: row.reason,
    values: row.values.map(BigInt),
    hash: row.hash,
  };
}
