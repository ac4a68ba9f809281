/**
 * Turns the hypervisor's readings into wire readings: contiguous, labelled and chained.
 *
 * Design. One entry per live incarnation holds its next seq and last hash; a closed one leaves its last hash as the tail
 * of its resource, and the next incarnation of that resource links to it (tails of former epochs come from the journal).
 *
 * Invariants. seq 0 is `open` with zeros; seq is contiguous; nothing follows `close`; labels never fall inside an
 * incarnation.
 */
import { METER_VECTOR_VERSION, type MeterReading } from '@xenorack/hypervisor';
import { hashReading, ZERO_HASH, type ReadingKind, type ReadingState, type WireReading } from '../reading.js';

const TAILS_MAX = 65_536;

interface LiveIncarnation {
  incarnation: string;
  tenantId: string;
  nextSeq: number;
  lastHash: string;
  last: WireReading | null;
}

export class MeterBook {
  private readonly live = new Map<number, LiveIncarnation>();
  private readonly tails = new Map<string, string>();

  /** `tails`: last hash per resource, longest ago first. */
  constructor(
    private readonly hostId: string,
    private readonly epoch: number,
    tails: Iterable<[string, string]>,
  ) {
    for (const [resourceId, hash] of tails) this.tails.set(resourceId, hash);
  }

  /** Wire id of a live incarnation by the hypervisor's serial. */
  incarnationOf(serial: number | null): string | null {
    return serial === null ? null : (this.live.get(serial)?.incarnation ?? null);
  }

  /** Last reading of a live incarnation. */
  lastOf(serial: number): WireReading | null {
    return this.live.get(serial)?.last ?? null;
  }

  open(reading: MeterReading, tenantId: string, utcNs: bigint, reason: string): WireReading {
    this.live.set(reading.serial, {
      incarnation: `${this.hostId}/${this.epoch}/${reading.serial}`,
      tenantId,
      nextSeq: 0,
      lastHash: this.tails.get(reading.resourceId) ?? ZERO_HASH,
      last: null,
    });
    return this.take(reading, 'open', utcNs, reason);
  }

  /** Takes the next reading of an open incarnation; `close` ends it. */
  take(reading: MeterReading, kind: ReadingKind, utcNs: bigint, reason: string): WireReading {
    const entry = this.live.get(reading.serial);
    if (entry === undefined) throw new Error(`reading of incarnation ${reading.serial}, which is not open`);
    const unhashed: Omit<WireReading, 'hash'> = {
      incarnation: entry.incarnation,
      resourceKind: reading.kind,
      resourceId: reading.resourceId,
      tenantId: entry.tenantId,
      seq: entry.nextSeq,
      hostNs: reading.atNs.toString(),
      utcNs: utcNs.toString(),
      kind,
      state: wireState(reading),
      reason,
      vector: METER_VECTOR_VERSION,
      values: reading.values.map(String),
      prev: entry.lastHash,
    };
    const wire = { ...unhashed, hash: hashReading(unhashed) };
    entry.nextSeq += 1;
    entry.lastHash = wire.hash;
    entry.last = wire;
    if (kind === 'close') this.close(reading, wire.hash);
    return wire;
  }

  private close(reading: MeterReading, hash: string): void {
    this.live.delete(reading.serial);
    this.tails.delete(reading.resourceId);
    this.tails.set(reading.resourceId, hash);
    while (this.tails.size > TAILS_MAX) this.tails.delete(this.tails.keys().next().value!);
  }
}

function wireState(reading: MeterReading): ReadingState {
  if (reading.kind === 'volume') return 'present';
  return reading.state === 'shutdown' ? 'halted' : reading.state;
}
