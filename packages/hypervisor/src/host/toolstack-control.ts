import { type Answer, answer, refuse } from '../abi/errno.js';
import type { Domain } from '../domain/domain.js';
import type {
  DomainControl,
  DomainControlInfo,
  PhysicalInfo,
  VcpuControlInfo,
} from '../hypercall/domain-control.js';
import { pinVcpu } from './affinity.js';
import type { Machine } from './machine.js';
import type { Toolstack } from './toolstack.js';

/** Flags of getdomaininfo (public/domctl.h). */
const FLAGS = { dying: 1, shutdown: 4, paused: 8, blocked: 16, running: 32 } as const;
const SHUTDOWN_CODES = { poweroff: 0, reboot: 1, crash: 3, watchdog: 4 } as const;

/** What a privileged domain does by domctl, done by the toolstack. */
export class ToolstackControl implements DomainControl {
  constructor(
    private readonly machine: Machine,
    private readonly toolstack: Toolstack,
  ) {}

  info(domId: number): Answer<DomainControlInfo> {
    const domain = this.machine.domains.get(domId);
    if (domain === undefined) return refuse('ESRCH', `domain ${domId}`);
    this.settle(domain);
    const { frames } = this.machine;
    return answer({
      domId,
      flags: flagsOf(domain),
      totPages: frames.framesOf(domId),
      maxPages: frames.maxOf(domId),
      outstandingPages: frames.claimOf(domId),
      cpuTimeNs: domain.vcpus.reduce((sum, vcpu) => sum + vcpu.runstateNs.running, 0n),
      onlineVcpus: domain.vcpus.filter((vcpu) => vcpu.online).length,
      maxVcpuId: domain.vcpus.length - 1,
    });
  }

  vcpuInfo(domId: number, id: number): Answer<VcpuControlInfo> {
    const domain = this.machine.domains.get(domId);
    if (domain === undefined) return refuse('ESRCH', `domain ${domId}`);
    const vcpu = domain.vcpus[id];
    if (vcpu === undefined) return refuse('ENOENT', `domain ${domId}: vCPU ${id}`);
    this.settle(domain);
    const { online, blocked, runningOn, home } = vcpu;
    const running = runningOn >= 0;
    return answer({
      online,
      blocked,
      running,
      cpuTimeNs: vcpu.runstateNs.running,
      cpu: running ? runningOn : home,
    });
  }

  pause(domId: number): Answer<null> {
    return this.toolstack.pause(domId, 'toolstack');
  }

  unpause(domId: number): Answer<null> {
    return this.toolstack.unpause(domId, 'toolstack');
  }

  destroy(domId: number): Answer<null> {
    return this.toolstack.destroyDomain(domId);
  }

  setMaxMemory(domId: number, frames: number): Answer<null> {
    return this.toolstack.setMaxMemory(domId, frames);
  }

  setWeight(domId: number, weight: number): Answer<null> {
    return this.toolstack.setWeight(domId, weight);
  }

  setCap(domId: number, cap: number): Answer<null> {
    return this.toolstack.setCap(domId, cap);
  }

  setAffinity(domId: number, vcpu: number, hard: readonly number[]): Answer<null> {
    return pinVcpu(this.machine, domId, { vcpu, hard });
  }

  physicalInfo(): PhysicalInfo {
    const { frames, config } = this.machine;
    return {
      pcpus: config.pcpus,
      totalPages: frames.totalFrames,
      freePages: frames.freeFrames,
      outstandingPages: frames.promisedFrames,
    };
  }

  idleNs(): bigint[] {
    this.machine.sched.settleAll();
    return this.machine.sched.pcpus.map(({ books }) => books.idleNs);
  }

  private settle(domain: Domain): void {
    this.machine.sched.settleAll();
    for (const vcpu of domain.vcpus) this.machine.sched.books.accrueRunstate(vcpu);
  }
}

/** Blocked only when all vCPUs that are on line are; running when any is; the shutdown code in bits 16 to 23. */
function flagsOf(domain: Domain): number {
  const online = domain.vcpus.filter((vcpu) => vcpu.online);
  let flags = 0;
  if (domain.destroyed) flags |= FLAGS.dying;
  if (domain.holds.size > 0) flags |= FLAGS.paused;
  if (online.every((vcpu) => vcpu.blocked)) flags |= FLAGS.blocked;
  if (online.some((vcpu) => vcpu.runningOn >= 0)) flags |= FLAGS.running;
  if (domain.ended !== null) flags |= FLAGS.shutdown | (SHUTDOWN_CODES[domain.ended] << 16);
  return flags;
}
