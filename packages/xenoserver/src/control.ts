/**
 * The control protocol between the control plane and one XenoServer.
 *
 * Design. Everything here is plain JSON (no bigint, no binary), so the same messages pass a worker thread's port
 * and a durable queue to another machine. Commands are executed once: a host remembers executed operation ids and
 * answers a repeated one with the first answer. Completion is an event, never a blocked call.
 *
 * Units. Amounts of time are nanoseconds, sizes are bytes, memory is 4 KiB frames; integers that may pass 2^53
 * are decimal strings.
 */
import type { WireReading } from './reading.js';

export const CONTROL_VERSION = 1;

/** A decimal string of a non-negative integer. */
export type DecimalString = string;

/** What a domain is built from; the keys follow xl.cfg. */
export interface DomainConfig {
  domainId: string;
  tenantId: string;
  name: string;
  /** Name of a guest in the host's catalogue, e.g. `web`. */
  image: string;
  vcpus: number;
  /** Credit scheduler weight, 1..65535. */
  weight: number;
  /** Credit scheduler cap in percent of one pCPU; 0 = none; at most 100 x vcpus. */
  cap: number;
  memoryFrames: number;
  /** Volumes attached as vbds, in order (xvda, xvdb, ...). They must exist on the host. */
  volumeIds: string[];
  /** Guest TCP ports to publish on the host's uplink. */
  publishedPorts: { guestPort: number; hostPort: number | null }[];
}

export interface VolumeConfig {
  volumeId: string;
  tenantId: string;
  bytes: number;
}

/** One item of a lease: what a metered resource may use freely, and the price of what goes beyond. */
export interface LeaseItem {
  resourceId: string;
  meter: string;
  /** Power state the item counts in; null counts in every state. */
  state: 'running' | 'paused' | null;
  freeQuantity: DecimalString;
  /** Price of the excess: picoNumerator / picoDenominator pico units of the currency per unit of the meter. */
  picoNumerator: DecimalString;
  picoDenominator: DecimalString;
}

/**
 * Money a host may still spend for a tenant, in cumulative form. A series starts at `sinceUtcNs` (a cut of every
 * member) and its `authorisedPico` only moves by a later generation of the same series. The host draws
 * sum(ceil(max(0, consumed - free) x price)) from totals since the start of the series.
 */
export interface Lease {
  leaseId: string;
  tenantId: string;
  hostId: string;
  /** Boot epoch of the host the lease is for; another epoch refuses it. */
  epoch: number;
  /** 1, 2, 3 ... inside one series; a lower or equal one is ignored. */
  generation: number;
  sinceUtcNs: DecimalString;
  items: LeaseItem[];
  authorisedPico: DecimalString;
  /** What to do when the money is gone. */
  policy: 'alert' | 'throttle' | 'pause';
  /** Instant from which the lease is void; the host then acts by the policy. */
  expiresUtcNs: DecimalString;
}

/** `signature` is base64 Ed25519 by the control plane over the UTF-8 bytes of `body`, which is JSON of a Lease. */
export interface SignedLease {
  body: string;
  signature: string;
}

export type PauseCause = 'tenant' | 'operator' | 'billing';

export type Command = { operationId: string } & (
  | { type: 'create-volume'; volume: VolumeConfig }
  | { type: 'delete-volume'; volumeId: string }
  /** Builds the domain paused, as Xen does. Undone in full when any part fails. */
  | { type: 'build-domain'; domain: DomainConfig }
  /** Takes the cause `built` away: the incarnation opens here, running, or paused when another cause holds the domain. */
  | { type: 'start-domain'; domainId: string }
  | { type: 'pause-domain'; domainId: string; cause: PauseCause }
  | { type: 'unpause-domain'; domainId: string; cause: PauseCause }
  /**
   * Asks the guest to stop; answered when it has and its incarnation is closed. After `timeoutMs` of host time it is
   * destroyed; at once with 0, when the domain is held, when the guest does not listen, and when the host stops. Later
   * commands about the domain wait for it, but `destroy-domain` ends the wait.
   */
  | { type: 'shutdown-domain'; domainId: string; timeoutMs: number }
  /** Destroys the domain at once; answers when the closing reading is durable. Volumes stay. */
  | { type: 'destroy-domain'; domainId: string }
  | { type: 'set-scheduling'; domainId: string; weight: number; cap: number }
  /** Forces a cut now for the named domains and volumes (all when null); answers {utcNs}. */
  | { type: 'cut'; resourceIds: string[] | null; reason: string }
  | { type: 'set-lease'; lease: SignedLease }
  | { type: 'end-lease'; leaseId: string }
  /** Batches up to and including this number are stored; the host stops re-sending them. */
  | { type: 'acknowledge'; epoch: number; batch: number }
);

export type CommandType = Command['type'];

/** Xen's errno names plus the control plane's own refusals. */
export interface CommandError {
  /** e.g. ENOMEM, EEXIST, ENOENT, EINVAL, EADDRINUSE, EBUSY, EKEYREJECTED, ESTALE, EIO. */
  code: string;
  detail: string;
}

/**
 * Why a domain ended badly, for its tenant: what its host kept of that instant. Bounded; text that a guest wrote is
 * printable.
 */
export interface CrashFacts {
  /** `watchdog`: the guest did not set its watchdog again in time. */
  reason: 'crash' | 'watchdog';
  message: string;
  utcNs: DecimalString;
  /** How long its incarnation had lasted. */
  livedNs: DecimalString;
  /** The vCPU that ended it; null when it was ended from outside. */
  vcpu: number | null;
  /** Of that vCPU, or of the first: where its time went, and its last hypercalls, oldest first. */
  runstateNs: Record<'running' | 'runnable' | 'blocked' | 'offline', DecimalString>;
  hypercalls: { op: string; cmd: string; answer: number | null }[];
  /** Event channels with an event that was not taken. */
  pendingPorts: number[];
  memoryFrames: number;
  /** The meters of its incarnation. */
  meters: Record<string, DecimalString>;
  consoleLines: string[];
}

export interface DomainFacts {
  domainId: string;
  domid: number;
  incarnation: string | null;
  /** Xen-like power state as the host sees it. */
  state: 'running' | 'paused' | 'halted' | 'crashed';
  pauseCauses: (PauseCause | 'built' | 'allowance')[];
  publishedPorts: { guestPort: number; hostPort: number }[];
  /** Of a crashed domain; null when it crashed without the host knowing how. */
  crash?: CrashFacts | null;
}

/** A Merkle block: every reading of the batch is a leaf, the root is signed by the host's key. */
export interface ReadingBatch {
  hostId: string;
  epoch: number;
  /** 0, 1, 2 ... inside an epoch. */
  batch: number;
  readings: WireReading[];
  /** Hex SHA-256 Merkle root over the reading hashes, in order. */
  root: string;
  /** Base64 Ed25519 over `XRB1|hostId|epoch|batch|root`. */
  signature: string;
}

/** Host-wide figures of the last second: the trial balance and the load, for the operator. Never billed. */
export interface HostFigures {
  utcNs: DecimalString;
  pcpus: number;
  elapsedNs: DecimalString;
  ownNs: DecimalString;
  onBehalfNs: DecimalString;
  overheadNs: DecimalString;
  idleNs: DecimalString;
  lostNs: DecimalString;
  framesTotal: number;
  framesFree: number;
  framesXen: number;
  domains: number;
  unacknowledgedBatches: number;
}

export type HostEvent =
  /** First event of a boot epoch: what the host is, and what it brought back by itself. */
  | {
      type: 'booted';
      hostId: string;
      epoch: number;
      publicKey: string;
      bootUtcNs: DecimalString;
      pcpus: number;
      framesTotal: number;
      framesFree: number;
      domains: DomainFacts[];
    }
  | { type: 'readings'; batch: ReadingBatch }
  | { type: 'figures'; hostId: string; figures: HostFigures }
  | {
      type: 'domain-changed';
      hostId: string;
      epoch: number;
      domain: DomainFacts;
      reason: string;
      utcNs: DecimalString;
    }
  | {
      type: 'lease-changed';
      hostId: string;
      leaseId: string;
      generation: number;
      tenantId: string;
      state: 'warned' | 'exhausted' | 'expired';
      drawnPico: DecimalString;
      authorisedPico: DecimalString;
      utcNs: DecimalString;
    }
  | {
      type: 'operation-done';
      hostId: string;
      operationId: string;
      ok: boolean;
      error: CommandError | null;
      /** Facts after the command, when it was about a domain. */
      domain: DomainFacts | null;
      /** Label of the cut the command forced, when it forced one. */
      utcNs: DecimalString | null;
    }
  /** The host stopped by itself after a failed assertion; its last readings are kept. */
  | { type: 'frozen'; hostId: string; epoch: number; detail: string };

/** How the control plane holds one host; the same for a worker thread and for a remote process. */
export interface HostLink {
  readonly hostId: string;
  send(command: Command): void;
  onEvent(listener: (event: HostEvent) => void): void;
  /** Closes every incarnation with a final reading made durable, then stops. */
  stop(): Promise<void>;
}
