/**
 * What a host must remember over a crash beside its readings: domains, volumes, executed operations, the epoch.
 *
 * Design. `state.json` is a whole snapshot (atomic rename) that names a log, `state-<n>.xrj`; a record of that log is
 * one StateChange, applied as a whole or not at all, so a domain and the answer of the operation that built it
 * become durable together. At a start, and when the log has grown past LOG_BYTES, a new snapshot begins a new log.
 *
 * Invariants. `commit` answers when the change is durable. An operation remembered is never executed again; the oldest
 * are forgotten beyond OPERATIONS_MAX, which is far more than a control plane keeps outstanding.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type {
  CommandError,
  CrashFacts,
  DomainConfig,
  DomainFacts,
  PauseCause,
  VolumeConfig,
} from '../control.js';
import { writeFileAtomic } from './atomic-file.js';
import { RecordFile } from './record-file.js';

const OPERATIONS_MAX = 10_000;
const LOG_BYTES = 8 * 1024 * 1024;

/** A domain as it has to come back after a restart. */
export interface StoredDomain {
  config: DomainConfig;
  /** `built`: waits for its first start. `stopped`: halted or crashed, kept until destroyed. */
  power: 'built' | 'started' | 'halted' | 'crashed';
  /** Causes other than `built` and `allowance`, which the host derives. */
  pauseCauses: PauseCause[];
  /** How it crashed last. */
  crash?: CrashFacts;
}

/** The answer of an executed operation, given again when it is repeated. */
export interface StoredAnswer {
  ok: boolean;
  error: CommandError | null;
  domain: DomainFacts | null;
  utcNs: string | null;
}

/** One atomic change. `null` forgets the resource. */
export interface StateChange {
  domains?: Record<string, StoredDomain | null>;
  volumes?: Record<string, VolumeConfig | null>;
  operation?: { operationId: string; answer: StoredAnswer };
}

interface Snapshot {
  version: 1;
  hostId: string;
  epoch: number;
  log: number;
  domains: [string, StoredDomain][];
  volumes: [string, VolumeConfig][];
  operations: [string, StoredAnswer][];
}

const logName = (log: number): string => `state-${log}.xrj`;

export class HostState {
  readonly domains = new Map<string, StoredDomain>();
  readonly volumes = new Map<string, VolumeConfig>();
  readonly operations = new Map<string, StoredAnswer>();
  /** Boot epoch: 1 on the first start, one more on each start. */
  epoch = 0;
  private log = 0;
  private file!: RecordFile;
  private rolling: Promise<void> = Promise.resolve();

  private constructor(
    private readonly folder: string,
    private readonly hostId: string,
    private readonly logBytes: number,
  ) {}

  /** Opens the folder and begins a new epoch. Throws when the folder belongs to another host. */
  static async open(folder: string, hostId: string, logBytes = LOG_BYTES): Promise<HostState> {
    const state = new HostState(folder, hostId, logBytes);
    await state.load();
    state.epoch += 1;
    await state.beginLog();
    return state;
  }

  /** Applies the change now and answers once it is durable. */
  async commit(change: StateChange): Promise<void> {
    await this.rolling;
    this.apply(change);
    const { file } = this;
    await file.append(Buffer.from(JSON.stringify(change)));
    if (file === this.file && file.bytes > this.logBytes) {
      this.rolling = this.rolling.then(() => this.rollOver());
      await this.rolling;
    }
  }

  async close(): Promise<void> {
    await this.rolling;
    await this.file.close();
  }

  private async load(): Promise<void> {
    const path = join(this.folder, 'state.json');
    if (!existsSync(path)) return;
    const snapshot = JSON.parse(readFileSync(path, 'utf8')) as Snapshot;
    if (snapshot.hostId !== this.hostId) {
      throw new Error(`${this.folder} belongs to host ${snapshot.hostId}, not to ${this.hostId}`);
    }
    this.epoch = snapshot.epoch;
    this.log = snapshot.log;
    for (const [id, domain] of snapshot.domains) this.domains.set(id, domain);
    for (const [id, volume] of snapshot.volumes) this.volumes.set(id, volume);
    for (const [id, stored] of snapshot.operations) this.operations.set(id, stored);
    const { file, records } = await RecordFile.open(join(this.folder, logName(this.log)));
    for (const record of records) this.apply(JSON.parse(record.payload.toString('utf8')) as StateChange);
    await file.close();
  }

  private apply(change: StateChange): void {
    for (const [id, domain] of Object.entries(change.domains ?? {})) {
      if (domain === null) this.domains.delete(id);
      else this.domains.set(id, domain);
    }
    for (const [id, volume] of Object.entries(change.volumes ?? {})) {
      if (volume === null) this.volumes.delete(id);
      else this.volumes.set(id, volume);
    }
    if (change.operation !== undefined)
      this.operations.set(change.operation.operationId, change.operation.answer);
    while (this.operations.size > OPERATIONS_MAX)
      this.operations.delete(this.operations.keys().next().value!);
  }

  private async rollOver(): Promise<void> {
    if (this.file.bytes <= this.logBytes) return;
    const full = this.file;
    await full.close();
    await this.beginLog();
  }

  private async beginLog(): Promise<void> {
    this.log += 1;
    this.file = (await RecordFile.open(join(this.folder, logName(this.log)))).file;
    const snapshot: Snapshot = {
      version: 1,
      hostId: this.hostId,
      epoch: this.epoch,
      log: this.log,
      domains: [...this.domains],
      volumes: [...this.volumes],
      operations: [...this.operations],
    };
    writeFileAtomic(join(this.folder, 'state.json'), JSON.stringify(snapshot));
    for (const name of readdirSync(this.folder)) {
      if (/^state-\d+\.xrj$/.test(name) && name !== logName(this.log)) rmSync(join(this.folder, name));
    }
  }
}
