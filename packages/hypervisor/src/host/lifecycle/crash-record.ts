import type { ShutdownReason } from '../../abi/power.js';
import type { Domain } from '../../domain/domain.js';
import type { TrailEntry } from '../../domain/hypercall-trail.js';
import type { Runstate, Vcpu } from '../../domain/vcpu.js';
import { LIMITS } from '../../limits.js';
import { METERS } from '../../meter/vector.js';
import type { Machine } from '../machine.js';

/** What one vCPU was doing. */
export interface VcpuFacts {
  vcpu: number;
  runstate: Runstate;
  /** Decimal text, nanoseconds. */
  runstateNs: Record<Runstate, string>;
  /** Its last hypercalls, oldest first. */
  hypercalls: TrailEntry[];
}

/**
 * The facts of a domain's end, kept for its tenant. Plain data that any wire takes: integers that may pass 2^53 are
 * decimal text, and what a guest wrote is printable and bounded.
 */
export interface CrashRecord {
  /** Counts up on one host. */
  serial: number;
  /** Host time. */
  atNs: string;
  domId: number;
  id: string;
  name: string;
  reason: ShutdownReason;
  message: string;
  /** How long its life had lasted. */
  livedNs: string;
  /** The serial of that life; null when it had not begun. */
  incarnationSerial: number | null;
  /** The vCPU that ended it; null when it was ended from outside. */
  vcpu: number | null;
  vcpus: VcpuFacts[];
  /** Event channels with an event not taken yet, at most 32. */
  pendingPorts: number[];
  memoryFrames: number;
  /** The meters of its life at that instant. */
  meters: Record<string, string>;
  /** The last lines it wrote to Xen's console. */
  consoleLines: string[];
  /** What its allowances asked for. */
  allowances: { id: string; state: 'open' | 'warned' | 'exhausted' }[];
}

/** Describes the end of a domain whose meters are exact at this instant. */
export function describeEnd(machine: Machine, domain: Domain): Omit<CrashRecord, 'serial'> {
  const { incarnation, identity } = domain;
  const { domId, id, name } = identity;
  const meters: Record<string, string> = {};
  if (incarnation !== null)
    for (const meter of METERS.domain) meters[meter] = incarnation.total(meter).toString();
  const lines = domain.console.text.split('\n').filter((line) => line !== '');
  return {
    atNs: machine.nowNs.toString(),
    domId,
    id,
    name: printable(name, LIMITS.domainNameCharactersMax),
    reason: domain.ended ?? 'crash',
    message: printable(domain.crashMessage, LIMITS.crashReasonCharactersMax),
    livedNs: (machine.nowNs - (incarnation?.openedNs ?? machine.nowNs)).toString(),
    incarnationSerial: incarnation?.serial ?? null,
    vcpu: machine.executing?.domain === domain ? machine.executing.id : null,
    vcpus: domain.vcpus.map(describeVcpu),
    pendingPorts: pendingPortsOf(domain),
    memoryFrames: domain.memoryFrames,
    meters,
    consoleLines: lines.slice(-LIMITS.crashConsoleLinesMax),
    allowances: machine.allowances.standing(id).slice(0, LIMITS.crashAllowancesMax),
  };
}

function describeVcpu({ id, runstate, runstateNs, trail }: Vcpu): VcpuFacts {
  const { running, runnable, blocked, offline } = runstateNs;
  return {
    vcpu: id,
    runstate,
    runstateNs: {
      running: running.toString(),
      runnable: runnable.toString(),
      blocked: blocked.toString(),
      offline: offline.toString(),
    },
    hypercalls: trail.entries,
  };
}

function pendingPortsOf({ events }: Domain): number[] {
  const ports: number[] = [];
  for (let port = 1; port <= events.lastPort && ports.length < LIMITS.crashPortsMax; port += 1)
    if (events.isPending(port)) ports.push(port);
  return ports;
}

/** A guest's text as a person may see it: no control characters, nothing invisible, no half characters. */
function printable(text: string, charactersMax: number): string {
  return text.replace(/\p{C}/gu, '.').slice(0, charactersMax);
}
