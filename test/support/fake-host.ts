/** A host of a test's own making: its key is known to the control plane, what it says is up to the test. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  exportPublicKey,
  hashReading,
  merkleRoot,
  type ReadingBatch,
  type WireReading,
  ZERO_HASH,
} from '@xenorack/xenoserver';
import type { Product } from './product.js';

export const EPOCH = 3;
const DOMAIN_METERS = 15;

/** Signs readings as a host does. */
export function sealBatch(
  key: KeyObject,
  head: Pick<ReadingBatch, 'hostId' | 'epoch' | 'batch'>,
  readings: WireReading[],
): ReadingBatch {
  const root = merkleRoot(readings.map((reading) => reading.hash));
  const text = `XRB1|${head.hostId}|${head.epoch}|${head.batch}|${root}`;
  return { ...head, readings, root, signature: sign(null, Buffer.from(text), key).toString('base64') };
}

/** The reading with other content and the hash that fits it. */
export function altered(reading: WireReading, change: Partial<WireReading>): WireReading {
  const { hash: _, ...content } = { ...reading, ...change };
  return { ...content, hash: hashReading(content) };
}

export class FakeHost {
  readonly key: KeyObject;
  private batches = 0;
  private lives = 0;

  private constructor(
    private readonly product: Product,
    readonly id: string,
  ) {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    this.key = privateKey;
    this.publicKey = exportPublicKey(publicKey);
  }
  private readonly publicKey: string;

  /** A host that is up, has announced an epoch and has room. */
  static async start(product: Product, id: string): Promise<FakeHost> {
    const host = new FakeHost(product, id);
    await product.sql(
      `INSERT INTO host (id, name, location, pcpus, frames_total, frames_sellable, state, epoch)
       VALUES ($1, $1, 'Nowhere', 4, 1000000000, 1000000000, 'up', $2)`,
      [id, EPOCH],
    );
    await product.sql(
      'INSERT INTO host_epoch (host_id, epoch, public_key, boot_utc_ns) VALUES ($1, $2, $3, 0)',
      [id, EPOCH, host.publicKey],
    );
    return host;
  }

  newLife(): string {
    this.lives += 1;
    return `${this.id}/${EPOCH}/${this.lives}`;
  }

  seal(readings: WireReading[], batch = this.batches++): ReadingBatch {
    return sealBatch(this.key, { hostId: this.id, epoch: EPOCH, batch }, readings);
  }

  post(batch: ReadingBatch) {
    return this.product.operate('POST', `/v1/operator/hosts/${this.id}/reading-batches`, batch);
  }
}

export interface LifePlan {
  incarnation: string;
  domainId: string;
  tenantId: string;
  /** Label of the opening reading; the others follow a second apart. */
  fromUtcNs: bigint;
  /** Counters of the readings after the opening one, by place in the vector; each is a whole vector. */
  values: bigint[][];
  kinds?: WireReading['kind'][];
}

/** The readings of one life of a domain: open, then one per vector, chained by their hashes. */
export function readingsOfLife(plan: LifePlan): WireReading[] {
  const vectors = [Array.from({ length: DOMAIN_METERS }, () => 0n), ...plan.values];
  let prev = ZERO_HASH;
  return vectors.map((values, seq) => {
    const atNs = BigInt(seq) * 1_000_000_000n;
    const content: Omit<WireReading, 'hash'> = {
      incarnation: plan.incarnation,
      resourceKind: 'domain',
      resourceId: plan.domainId,
      tenantId: plan.tenantId,
      seq,
      hostNs: (1_000_000n + atNs).toString(),
      utcNs: (plan.fromUtcNs + atNs).toString(),
      kind: seq === 0 ? 'open' : (plan.kinds?.[seq - 1] ?? 'inner'),
      state: 'running',
      reason: seq === 0 ? 'start' : 'tick',
      vector: 1,
      values: values.map(String),
      prev,
    };
    prev = hashReading(content);
    return { ...content, hash: prev };
  });
}

/** Vectors of counters that only grow, by steps of a seeded generator. */
export function growingVectors(count: number, random: () => number): bigint[][] {
  const at = Array.from({ length: DOMAIN_METERS }, () => 0n);
  return Array.from({ length: count }, () => {
    for (let place = 0; place < DOMAIN_METERS; place++) at[place]! += BigInt(Math.floor(random() * 1e9));
    return [...at];
  });
}
