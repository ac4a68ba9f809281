import type { BlockFrontend } from './block.js';
import type { BootstrapLayout, GuestMemory } from './guest-memory.js';
import type { Hypercall, HypercallAnswer } from './hypercall.js';
import type { ShutdownReason } from './power.js';
import type { SharedPage } from './shared-info.js';
import type { SocketFrontend } from './sockets.js';
import type { XenstoreFrontend } from './xs-wire.js';

export type DomId = number;
/** The caller's own domain, where an argument names one (public/xen.h). */
export const DOMID_SELF: DomId = 0x7ff0;
export type EventPort = number;

/** What follows once the work of an exit is paid for. */
export type GuestThen =
  | { do: 'continue' }
  | { do: 'yield' }
  /** Sleep until an event is pending, or until host time `untilNs`. Answers at once when one is pending. */
  | { do: 'block'; untilNs?: bigint }
  | { do: 'hypercall'; call: Hypercall }
  | { do: 'shutdown'; reason: ShutdownReason }
  | { do: 'crash'; message: string };

/** One exit of a guest: `workNs` has to be paid in scheduler time, slice by slice, before `then` happens. */
export interface GuestExit {
  workNs: bigint;
  /** Driver domains only: the domain this piece of work is for. */
  onBehalfOf?: DomId;
  then: GuestThen;
}

/**
 * The contract between the scheduler and whatever executes a domain. `run` executes a vCPU up to its next exit. A guest
 * that executes before it reports (a preempted program) stays within `budgetNs`; one that declares its work may
 * declare any amount. `entry` is the answer of the hypercall that ended the last run, if one did. A guest never throws
 * past this call: what goes wrong inside is a crash exit.
 */
export interface Guest {
  run(vcpu: number, budgetNs: bigint, entry: HypercallAnswer | undefined): GuestExit;
  /**
   * Somebody outside asks it to end, as by Xen's `control/shutdown`: true when it will, in its own time, by a `shutdown`
   * exit. A guest without this, or that answers false, can only be ended by force. Never throws.
   */
  requestShutdown?(): boolean;
}

/** What a guest finds when it boots: Xen's start info and shared info. */
export interface StartInfo {
  domId: DomId;
  name: string;
  id: string;
  hostName: string;
  /** On line when it boots. */
  vcpus: number;
  /** At boot. */
  memoryFrames: number;
  /** Guest frames below this are the guest's own to use; Xen's pages lie from here to `memoryFrames`. */
  ordinaryFrames: number;
  memory: GuestMemory;
  /** Of a domain with page tables of its own; null for an auto-translated one. */
  pageTables: BootstrapLayout | null;
  /** How many frames the toolstack asks it to balloon to. */
  memoryTargetFrames(): number;
  commandLine: string;
  /** Differs per domain, fixed by the host's seed. */
  seed: number;
  /** Reading the time costs nothing, as in Xen's shared page. */
  systemTimeNs(): bigint;
  /**
   * The guest's upcall: the ports that became pending since the last call, of this vCPU or of all. Costs nothing, as it is
   * the guest's own reading of `sharedInfo`.
   */
  takePendingPorts(vcpu?: number): readonly EventPort[];
  /** The page shared with Xen; see `SHARED_INFO`. It is the same one as long as the domain lives. */
  readonly sharedInfo: SharedPage;
  disks: readonly BlockFrontend[];
  sockets: SocketFrontend;
  xenstore: XenstoreFrontend;
}

/** A guest system that can be built into a domain. */
export interface GuestImage {
  name: string;
  boot(info: StartInfo): Guest;
}
