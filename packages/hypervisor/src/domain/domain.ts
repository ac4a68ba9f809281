import type { BootstrapLayout } from '../abi/guest-memory.js';
import type { DomId, Guest } from '../abi/guest.js';
import type { PauseCause, PowerState, ShutdownReason } from '../abi/power.js';
import { EventChannels } from '../event/event-channels.js';
import type { GrantTable } from '../grant/grant-table.js';
import type { AddressSpace } from '../memory/address-space.js';
import type { DomainMemory } from '../memory/guest-memory.js';
import { LIMITS } from '../limits.js';
import type { Incarnation } from '../meter/incarnation.js';
import { ConsoleLog } from './console-log.js';
import { Vcpu } from './vcpu.js';
import type { Watchdog } from './watchdogs.js';

export interface DomainIdentity {
  domId: DomId;
  name: string;
  /** The owner's id of the domain; survives incarnations. */
  id: string;
  /** A domain of the host itself that serves devices: not billed, its own time is overhead. */
  driver: boolean;
  /** A control domain: it may use domctl and sysctl, and what Xen keeps for domain 0. */
  privileged: boolean;
}

/**
 * The unit of resource ownership.
 * Invariants: it executes only when nobody holds it and it has neither shut down nor crashed; its incarnation opens when
 * `build` stops holding it, whoever else may hold it then, and closes when it is destroyed.
 */
export class Domain {
  readonly vcpus: Vcpu[] = [];
  readonly events: EventChannels;
  readonly console = new ConsoleLog();
  readonly holds = new Set<PauseCause>(['build']);
  /** How often `toolstack` holds it. */
  toolstackPauses = 0;
  readonly watchdogs: (Watchdog | null)[] = [null, null];
  guest: Guest | null = null;
  incarnation: Incarnation | null = null;
  ended: ShutdownReason | null = null;
  /** Driver domains: the port of their device's interrupt. */
  interruptPort = 0;
  /** Recorded by the guest (`sched_op` shutdown_code): the reason of whatever shutdown follows. */
  shutdownCode: ShutdownReason | null = null;
  crashMessage = '';
  endedNs: bigint | null = null;
  destroyed = false;

  weight: number;
  /** Percent of one pCPU; 0 means none. */
  cap: number;
  /** A lower cap set by an allowance, beside the owner's; 0 means none. */
  throttleCap = 0;
  capBudgetNs = 0n;
  capPeriod = 0n;
  /** How much budget it may take into the next period; and how long its vCPUs had waited and run by the last refill. */
  capMayCarryNs = 0n;
  capWaitedNs = 0n;
  capRanNs = 0n;
  /** What driver domains executed for it and its credit has not been charged for yet. */
  onBehalfDebtNs = 0n;

  /** Frames it owns now. */
  memoryFrames = 0;
  memoryFramesMax = 0;
  /** What it is asked to balloon to. */
  memoryTargetFrames = 0;
  /** Set by the builder before anybody else sees the domain. */
  space!: AddressSpace;
  memory!: DomainMemory;
  /** Its first page tables; null when it is auto-translated. */
  bootstrap: BootstrapLayout | null = null;
  grants!: GrantTable;
  readonly volumeIds: string[] = [];

  constructor(
    readonly identity: DomainIdentity,
    options: { vcpus: number; vcpusOnline?: number; weight: number; cap: number; maxEventChannels?: number },
  ) {
    const portsMax = options.maxEventChannels ?? LIMITS.eventChannelsDefault;
    this.events = new EventChannels(identity.domId, options.vcpus, portsMax);
    this.weight = options.weight;
    this.cap = options.cap;
    for (let i = 0; i < options.vcpus; i += 1)
      this.vcpus.push(new Vcpu(this, i, i < (options.vcpusOnline ?? options.vcpus)));
  }

  get mayRun(): boolean {
    return this.holds.size === 0 && this.ended === null && !this.destroyed;
  }

  get power(): PowerState {
    if (this.ended !== null)
      return this.ended === 'crash' || this.ended === 'watchdog' ? 'crashed' : 'shutdown';
    return this.holds.size === 0 ? 'running' : 'paused';
  }

  /** The cap in force, in percent of one pCPU; 0 means none. */
  get effectiveCap(): number {
    if (this.throttleCap === 0) return this.cap;
    return this.cap === 0 ? this.throttleCap : Math.min(this.cap, this.throttleCap);
  }
}
