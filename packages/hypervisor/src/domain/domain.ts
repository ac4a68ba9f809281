import type { DomId, Guest } from '../abi/guest.js';
import type { PauseCause, PowerState, ShutdownReason } from '../abi/power.js';
import { EventChannels } from '../event/event-channels.js';
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
  readonly events = new EventChannels();
  readonly console = new ConsoleLog();
  readonly holds = new Set<PauseCause>(['build']);
  /** How often `toolstack` holds it. */
  toolstackPauses = 0;
  readonly watchdogs: (Watchdog | null)[] = [null, null];
  guest: Guest | null = null;
  incarnation: Incarnation | null = null;
  ended: ShutdownReason | null = null;
  crashMessage = '';
  destroyed = false;

  weight: number;
  /** Percent of one pCPU; 0 means none. */
  cap: number;
  /** A lower cap set by an allowance, beside the owner's; 0 means none. */
  throttleCap = 0;
  capBudgetNs = 0n;
  capPeriod = 0n;

  memoryFrames = 0;
  memoryFramesMax = 0;
  readonly volumeIds: string[] = [];

  constructor(
    readonly identity: DomainIdentity,
    options: { vcpus: number; weight: number; cap: number },
  ) {
    this.weight = options.weight;
    this.cap = options.cap;
    for (let i = 0; i < options.vcpus; i += 1) this.vcpus.push(new Vcpu(this, i));
  }

  get mayRun(): boolean {
    return this.holds.size === 0 && this.ended === null && !this.destroyed;
  }

  get power(): PowerState {
    if (this.ended !== null) return this.ended === 'crash' || this.ended === 'watchdog' ? 'crashed' : 'shutdown';
    return this.holds.size === 0 ? 'running' : 'paused';
  }

  /** The cap in force, in percent of one pCPU; 0 means none. */
  get effectiveCap(): number {
    if (this.throttleCap === 0) return this.cap;
    return this.cap === 0 ? this.throttleCap : Math.min(this.cap, this.throttleCap);
  }
}
