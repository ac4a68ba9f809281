import { Injectable } from '@nestjs/common';
import { Database } from '../platform/database.js';

export interface StoredCut {
  resourceKind: 'domain' | 'volume';
  values: bigint[];
  hash: string;
}

@Injectable()
export class CutStore {
  constructor(private readonly database: Database) {}

  /** Cuts by `<incarnation>#<seq>`. */
  async find(keys: { incarnationId: string; seq: bigint }[]): Promise<Map<string, StoredCut>> {
    const { rows } = await this.database.pool.query<{
      incarnation_id: string;
      seq: string;
      resource_kind: 'domain' | 'volume';
      values: string[];
      hash: string;
    }>(
      `SELECT c.incarnation_id, c.seq, i.resource_kind, c.values::text[] AS values, encode(c.hash, 'hex') AS hash
         FROM unnest($1::text[], $2::bigint[]) AS k (incarnation_id, seq)
         JOIN cut c USING (incarnation_id, seq) JOIN incarnation i ON i.id = c.incarnation_id`,
      [keys.map((key) => key.incarnationId), keys.map((key) => key.seq.toString())],
    );
    return new Map(
      rows.map((row) => [
        `${row.incarnation_id}#${row.seq}`,
        { resourceKind: row.resource_kind, values: row.values.map(BigInt), hash: row.hash },
      ]),
    );
  }
}
