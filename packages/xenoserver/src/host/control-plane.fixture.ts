/**
 * A small control plane for tests: it sends commands, keeps what comes back, and counts readings the way an ingest
 * must: head + 1 is stored, an equal hash is known already, everything else is an alarm.
 */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { Command, DomainConfig, HostEvent, Lease, LeaseItem } from '../control.js';
import { verifyBatch } from '../proof/batch.js';
import { exportPublicKey, signLease } from '../proof/lease-signature.js';
import type { WireReading } from '../reading.js';

type EventOf<T extends HostEvent['type']> = Extract<HostEvent, { type: T }>;
type CommandBody = Command extends infer C ? (C extends Command ? Omit<C, 'operationId'> : never) : never;

export class ControlPlane {
  readonly privateKey: KeyObject = generateKeyPairSync('ed25519').privateKey;
  readonly publicKey = exportPublicKey(this.privateKey);
  readonly events: HostEvent[] = [];
  /** Readings per incarnation, in order. */
  readonly stored = new Map<string, WireReading[]>();
  readonly alarms: string[] = [];
  /** Readings that came again with the hash they had. */
  repeated = 0;
  acknowledges = true;
  send: (command: Command) => void = () => undefined;
  private operations = 0;
  private waiters: { ready: () => boolean; done: () => void }[] = [];

  receive(event: HostEvent): void {
    this.events.push(event);
    if (event.type === 'readings') {
      const { batch } = event;
      const fault = verifyBatch(batch, this.last('booted').publicKey);
      if (fault !== null) this.alarms.push(`${fault.field} ${fault.detail}`);
      for (const reading of batch.readings) this.ingest(reading);
      if (this.acknowledges) {
        this.send({
          operationId: this.newOperationId(),
          type: 'acknowledge',
          epoch: batch.epoch,
          batch: batch.batch,
        });
      }
    }
    this.waiters = this.waiters.filter(({ ready, done }) => {
      if (!ready()) return true;
      done();
      return false;
    });
  }

  async command(body: CommandBody, operationId = this.newOperationId()): Promise<EventOf<'operation-done'>> {
    const from = this.events.length;
    this.send({ operationId, ...body } as Command);
    const find = (): HostEvent | undefined =>
      this.events
        .slice(from)
        .find((event) => event.type === 'operation-done' && event.operationId === operationId);
    await this.until(() => find() !== undefined);
    return find() as EventOf<'operation-done'>;
  }

  /** A command that has to succeed. */
  async must(body: CommandBody): Promise<EventOf<'operation-done'>> {
    const done = await this.command(body);
    if (!done.ok) throw new Error(`${body.type}: ${done.error?.code} ${done.error?.detail}`);
    return done;
  }

  until(ready: () => boolean): Promise<void> {
    if (ready()) return Promise.resolve();
    return new Promise((done) => this.waiters.push({ ready, done }));
  }

  all<T extends HostEvent['type']>(type: T): EventOf<T>[] {
    return this.events.filter((event): event is EventOf<T> => event.type === type);
  }

  last<T extends HostEvent['type']>(type: T): EventOf<T> {
    const event = this.all(type).at(-1);
    if (event === undefined) throw new Error(`no ${type} event yet`);
    return event;
  }

  readingsOf(resourceId: string): WireReading[] {
    return [...this.stored.values()].flat().filter((reading) => reading.resourceId === resourceId);
  }

  lease(change: Partial<Lease> & { items: LeaseItem[] }): { body: string; signature: string } {
    const booted = this.last('booted');
    return signLease(this.privateKey, {
      leaseId: 'lse_1',
      tenantId: 'ten_1',
      hostId: booted.hostId,
      epoch: booted.epoch,
      generation: 1,
      sinceUtcNs: '0',
      authorisedPico: '1000000000000000',
      policy: 'pause',
      expiresUtcNs: (BigInt(booted.bootUtcNs) + 86_400_000_000_000n).toString(),
      ...change,
    });
  }

  private newOperationId(): string {
    this.operations += 1;
    return `op_${this.operations}`;
  }

  private ingest(reading: WireReading): void {
    const chain = this.stored.get(reading.incarnation) ?? [];
    this.stored.set(reading.incarnation, chain);
    const known = chain[reading.seq];
    const head = chain.at(-1);
    if (known !== undefined) {
      if (known.hash !== reading.hash)
        this.alarms.push(`${reading.incarnation}/${reading.seq} came with another hash`);
      this.repeated += 1;
      return;
    }
    if (reading.seq !== chain.length)
      this.alarms.push(`${reading.incarnation}/${reading.seq} after ${chain.length - 1}`);
    if (head !== undefined && reading.prev !== head.hash)
      this.alarms.push(`${reading.incarnation}/${reading.seq} breaks the chain`);
    if (head !== undefined && BigInt(reading.utcNs) < BigInt(head.utcNs))
      this.alarms.push(`${reading.incarnation} label fell`);
    reading.values.forEach((value, at) => {
      if (head !== undefined && BigInt(value) < BigInt(head.values[at]!)) {
        this.alarms.push(`${reading.incarnation}/${reading.seq} values[${at}] fell`);
      }
    });
    chain.push(reading);
  }
}

export const VOLUME = { volumeId: 'vol_1', tenantId: 'ten_1', bytes: 16 * 1024 * 1024 };

export const DOMAIN: DomainConfig = {
  domainId: 'dom_1',
  tenantId: 'ten_1',
  name: 'shop',
  image: 'web',
  vcpus: 1,
  weight: 256,
  cap: 0,
  memoryFrames: 4096,
  volumeIds: ['vol_1'],
  publishedPorts: [{ guestPort: 80, hostPort: null }],
};

/** One pico unit per ns in the state `running`. */
export const RUNNING_ITEM: LeaseItem = {
  resourceId: 'dom_1',
  meter: 'state.running.ns',
  state: null,
  freeQuantity: '0',
  picoNumerator: '1',
  picoDenominator: '1',
};
