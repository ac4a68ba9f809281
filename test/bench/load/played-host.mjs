// A host without a hypervisor: it takes readings of domains that are said to run, and signs them like a real one.
import { generateKeyPairSync, sign } from 'node:crypto';
import { DOMAIN_METERS } from '@xenorack/hypervisor';
import { exportPublicKey, hashReading, merkleRoot, ZERO_HASH } from '@xenorack/xenoserver';

const secondNs = 1_000_000_000n;
const { privateKey } = generateKeyPairSync('ed25519');
const publicKey = exportPublicKey(privateKey);

/** What one second of a domain adds; a meter that is not named stands still. */
function growthPerSecond(frames) {
  const growth = {
    'cpu.ns': 70_000_000n,
    'cpu.onbehalf.ns': 9_000_000n,
    'memory.frame_ns': BigInt(frames) * secondNs,
    'net.public.rx.bytes': 1_543n,
    'net.public.tx.bytes': 87_654n,
    'net.rx.packets': 12n,
    'net.tx.packets': 64n,
    'state.running.ns': secondNs,
    'runstate.running.ns': 70_000_000n,
    'runstate.runnable.ns': 4_000_000n,
    'runstate.blocked.ns': 926_000_000n,
  };
  return DOMAIN_METERS.map((meter) => growth[meter] ?? 0n);
}

export class PlayedHost {
  epoch = 1;
  publicKey = publicKey;
  incarnations = [];
  #batch = 0;

  /** @param {string} hostId */
  constructor(hostId, bootUtcNs = BigInt(Date.now()) * 1_000_000n) {
    this.hostId = hostId;
    this.bootUtcNs = bootUtcNs;
  }

  addDomain(resourceId, tenantId, frames) {
    const id = `${this.hostId}/${this.epoch}/${this.incarnations.length + 1}`;
    const growth = growthPerSecond(frames);
    this.incarnations.push({
      id,
      resourceId,
      tenantId,
      growth,
      values: growth.map(() => 0n),
      seq: 0,
      prev: ZERO_HASH,
    });
  }

  /**
   * A reading of every domain at one instant, sealed in one batch (at most 1,000 domains). The first one opens.
   * @param {bigint} utcNs @param {(at: number) => boolean} [isCut] Which of them are cuts.
   */
  takeBatch(utcNs, isCut = () => false) {
    const readings = this.incarnations.map((incarnation, at) =>
      take(incarnation, utcNs, this.bootUtcNs, isCut(at)),
    );
    const root = merkleRoot(readings.map(({ hash }) => hash));
    this.#batch += 1;
    const head = { hostId: this.hostId, epoch: this.epoch, batch: this.#batch };
    const signed = Buffer.from(`XRB1|${head.hostId}|${head.epoch}|${head.batch}|${root}`);
    return { ...head, readings, root, signature: sign(null, signed, privateKey).toString('base64') };
  }
}

function take(incarnation, utcNs, bootUtcNs, isCut) {
  const opens = incarnation.seq === 0;
  if (!opens)
    incarnation.values = incarnation.values.map((value, place) => value + incarnation.growth[place]);
  const reading = {
    incarnation: incarnation.id,
    resourceKind: 'domain',
    resourceId: incarnation.resourceId,
    tenantId: incarnation.tenantId,
    seq: incarnation.seq,
    hostNs: (utcNs - bootUtcNs).toString(),
    utcNs: utcNs.toString(),
    kind: opens ? 'open' : isCut ? 'cut' : 'inner',
    state: 'running',
    reason: opens ? 'start' : isCut ? 'quarter-hour' : 'tick',
    vector: 1,
    values: incarnation.values.map(String),
    prev: incarnation.prev,
  };
  const hash = hashReading(reading);
  incarnation.seq += 1;
  incarnation.prev = hash;
  return { ...reading, hash };
}
